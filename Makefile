# vrfwd: `make` lists the targets. A person and CI run the same ones.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: go help tools build run test lint unit race purego fuzz smoke bench bench-live bench-converge peers report results render clean

GO         ?= go
FUZZTIME   ?= 10s#  for each target
FUZZ       ?= .#    which targets: an awk pattern
BENCHCOUNT ?= 10#   samples of each benchmark
BENCHTIME  ?= 0.5s# for each sample
BENCHPACKETS ?= 300000# for each sample of live forwarding
PEERS      ?= lookup,forward,live# what make peers measures
ARGS       ?=#      flags of fwd bench

# Fetched and compiled on first use, outside this module: its requirements stay out of go.mod and go.sum.
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
STEP        := .ci/step

# What is concurrent, and so runs under the race detector.
RACE := ./internal/qsbr ./lpm ./ring ./vrftable ./forwarder ./afpacket ./slowpath ./bgp ./bench ./bench/live ./router
# The packages with assembly, whose pure Go twins the tag purego selects.
ASSEMBLY = $$($(GO) list -f '{{if .SFiles}}{{.ImportPath}}{{end}}' ./...)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Variables: FUZZTIME=$(FUZZTIME) FUZZ=$(FUZZ) BENCHCOUNT=$(BENCHCOUNT) BENCHTIME=$(BENCHTIME) BENCHPACKETS=$(BENCHPACKETS) PEERS=$(PEERS) ARGS='flags of fwd bench'"


go:
	@command -v $(GO) >/dev/null || { echo "the go command is not in PATH: install Go 1.26 or later from https://go.dev/dl/"; exit 1; }

build: go ## bin/fwd and bin/trafgen
	@CGO_ENABLED=0 $(GO) build -o bin/ ./cmd/... # a program with cgo cannot drop capabilities in all its threads

run: build ## the main job: fwd bench with its defaults (make run ARGS="-h")
	@bin/fwd bench $(ARGS)

test: tools lint unit race purego fuzz smoke ## everything that must pass: what CI runs

tools: ## the programs that tests run: installed by root with apt-get, named otherwise
	@.ci/tools

lint: go ## gofmt, go vet (Linux, darwin on arm64, purego) and staticcheck
	@$(STEP) gofmt bash -c 'bad=$$(gofmt -l .); [[ -z $$bad ]] || { echo "run gofmt -w on:" $$bad; exit 1; }'
	@$(STEP) vet $(GO) vet ./...
	@$(STEP) vet-darwin env GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	@$(STEP) vet-purego $(GO) vet -tags purego ./...
	@$(STEP) staticcheck $(STATICCHECK) ./...
	@$(STEP) vet-peers bash -c 'cd bench/peers && $(GO) vet ./... && GOOS=darwin GOARCH=arm64 $(GO) vet ./...'
	@$(STEP) staticcheck-peers bash -c 'cd bench/peers && $(STATICCHECK) ./...'

unit: go ## unit tests, those of floors and README's commands among them
	@$(STEP) unit $(GO) test -count 1 ./...
	@$(STEP) unit-peers $(GO) -C bench/peers test -count 1 ./...

race: go ## the concurrent packages under the race detector (needs cgo: gcc)
	@command -v gcc >/dev/null || command -v clang >/dev/null || { echo "the race detector needs a C compiler: apt-get install gcc"; exit 1; }
	@$(STEP) race $(GO) test -count 1 -race -short $(RACE)

purego: go ## the pure Go twins of the packages with assembly
	@$(STEP) purego $(GO) test -count 1 -tags purego $(ASSEMBLY)

fuzz: go ## each fuzz target for FUZZTIME (one: make fuzz FUZZ=IPv4 FUZZTIME=5m)
	@.ci/fuzz $(FUZZTIME) '$(FUZZ)'

smoke: go ## each benchmark once, so that none rots
	@$(STEP) benchmarks bash -c '$(GO) list ./... | xargs -P "$$(nproc)" -n 1 $(GO) test -run "^$$" -bench . -benchtime 1x -short'
	@GO="$(GO)" $(STEP) peers .ci/peers smoke

bench: go ## the benchmarks behind the bars, BENCHCOUNT times, raw samples into results/
	@GO="$(GO)" .ci/bench $(BENCHCOUNT) $(BENCHTIME)

bench-live: go ## the same for live forwarding: beside C, DPDK and the kernel, over veths (root)
	@GO="$(GO)" .ci/bench $(BENCHCOUNT) $(BENCHPACKETS)x live

bench-converge: go ## the same for routes that come, change and go: full tables, updates, failover, import maps (root, bird2; minutes a sample)
	@GO="$(GO)" .ci/bench $(BENCHCOUNT) $(BENCHTIME) converge

peers: go ## beside bart, DPDK, the kernel and C, on the same keys and packets (DPDK; root for PEERS=live)
	@GO="$(GO)" .ci/peers $(BENCHCOUNT) $(BENCHTIME) $(BENCHPACKETS) $(PEERS)

report: build ## a reference run on this machine, in minutes: results/samples-*, report.html, REPORT.md, the README's figures
	@bin/fwd report --measure --readme README.md results

results: build ## the same with more points and longer trials, and make bench: an hour or two
	@GO="$(GO)" .ci/bench $(BENCHCOUNT) $(BENCHTIME)
	@bin/fwd report --measure --long --readme README.md results

render: build ## report.html, REPORT.md and the README's figures again, from the samples that are in results/
	@bin/fwd report --readme README.md results

clean: ## what can be made again: binaries, profiles; results/ stays
	@rm -rf bin
	@find . -name .git -prune -o \( -name '*.test' -o -name '*.prof' -o -name '*.out' \) -type f -exec rm {} +
