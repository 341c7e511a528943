module vrfwd/bench/peers

go 1.26.0

replace vrfwd => ../..

require (
	github.com/gaissmai/bart v0.30.0
	golang.org/x/sys v0.49.0
	vrfwd v0.0.0-00010101000000-000000000000
)

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0 // indirect
	github.com/google/gopacket v1.1.19 // indirect
	github.com/klauspost/compress v1.20.1 // indirect
	github.com/klauspost/cpuid/v2 v2.4.2 // indirect
	github.com/osrg/gobgp/v4 v4.8.0 // indirect
)
