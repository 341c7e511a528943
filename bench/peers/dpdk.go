package main

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed dpdk
var source embed.FS

// needed are the programs that the C side is built with, and install is the remedy.
var needed = []string{"gcc", "pkg-config"}

const install = "apt-get install gcc pkg-config dpdk-dev libdpdk-dev"

// lacks says what is missing to build the C side; "": nothing.
func lacks() string {
	for _, program := range needed {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not in PATH: " + install
		}
	}
	if err := exec.Command("pkg-config", "--exists", "libdpdk").Run(); err != nil {
		return "DPDK's development files are not installed: " + install
	}
	return ""
}

// cflags are the compiler's, after those that pkg-config gives: for this machine, as ours choose their code by its CPU.
var cflags = []string{"-O3", "-march=native", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"}

// libs are what the C side calls; pkg-config would add all that DPDK has.
var libs = []string{"-Wl,--as-needed", "-lrte_fib", "-lrte_rib", "-lrte_lpm", "-lrte_hash", "-lrte_mbuf", "-lrte_mempool", "-lrte_ring", "-lrte_eal", "-lpthread"}

// compile builds the C side in dir and returns the program's name.
func compile(ctx context.Context, dir string) (string, error) {
	if err := os.CopyFS(dir, source); err != nil {
		return "", err
	}
	flags, err := exec.CommandContext(ctx, "pkg-config", "--cflags", "libdpdk").Output()
	if err != nil {
		return "", fmt.Errorf("pkg-config: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "dpdk", "*.c"))
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "peers-dpdk")
	args := append(strings.Fields(string(flags)), cflags...)
	args = append(append(append(args, "-o", program), files...), libs...)
	if out, err := exec.CommandContext(ctx, "gcc", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc: %w\n%s", err, bytes.TrimSpace(out))
	}
	return program, nil
}

// dpdk is the C side, running. It answers one command at a time.
type dpdk struct {
	tables     []string // those that are loaded
	conditions []string // "key: value", of its start
	cmd        *exec.Cmd
	in         io.WriteCloser
	out        *bufio.Scanner
	said       bytes.Buffer // its standard error
}

// startDPDK starts the program on an input and waits until its tables are built. worker measures, other is the second
// thread's CPU. Without lpm rte_lpm stays empty: forwarding has no use for it.
func startDPDK(ctx context.Context, program, input string, args []string, worker, other int, lpm bool) (*dpdk, error) {
	d := &dpdk{tables: []string{"rte-fib"}}
	if lpm {
		d.tables = append(d.tables, "rte-lpm")
	}
	eal := append([]string{"--no-pci", "--no-telemetry", "--iova-mode=va", "--log-level=error",
		"--force-max-simd-bitwidth=512", fmt.Sprintf("--lcores=0@%d", other)}, args...)
	d.cmd = exec.CommandContext(ctx, program, append(eal, "--", input, fmt.Sprint(worker), fmt.Sprint(other), fmt.Sprint(bit(lpm)))...)
	d.cmd.Stderr = &d.said
	d.cmd.WaitDelay = time.Second
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.out = bufio.NewScanner(out)
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for {
		line, err := d.line()
		if err != nil {
			d.close()
			return nil, err
		}
		if line == "ready" {
			return d, nil
		}
		d.conditions = append(d.conditions, line)
	}
}

// line reads one line, and makes an error of "error: ..." and of an end.
func (d *dpdk) line() (string, error) {
	if !d.out.Scan() {
		return "", fmt.Errorf("the DPDK program ended: %s", strings.TrimSpace(d.said.String()))
	}
	if what, bad := strings.CutPrefix(d.out.Text(), "error: "); bad {
		return "", fmt.Errorf("the DPDK program: %s %s", what, bytes.TrimSpace(d.said.Bytes()))
	}
	return d.out.Text(), nil
}

// ask sends a command and scans its answer, whose first word is the command's.
func (d *dpdk) ask(into []any, format string, args ...any) error {
	command := fmt.Sprintf(format, args...)
	if _, err := io.WriteString(d.in, command+"\n"); err != nil {
		return fmt.Errorf("the DPDK program: %w", err)
	}
	line, err := d.line()
	if err != nil {
		return err
	}
	word, _, _ := strings.Cut(command, " ")
	rest, ok := strings.CutPrefix(line, word+" ")
	if ok {
		_, err = fmt.Sscan(rest, into...)
	}
	if !ok || err != nil {
		return fmt.Errorf("the DPDK program answers %q to %q", line, command)
	}
	return nil
}

// answers is the checksum of what an engine answers to a set.
func (d *dpdk) answers(engine string, set int) (uint64, error) {
	var sum string
	if err := d.ask([]any{&sum}, "answers %s %d", engine, set); err != nil {
		return 0, err
	}
	return parseSum(sum)
}

// frames is the checksum of what the forwarding loop makes of the frames, and how many it drops.
func (d *dpdk) frames(check bool) (sum uint64, dropped int, err error) {
	var text string
	if err := d.ask([]any{&text, &dropped}, "frames %d", bit(check)); err != nil {
		return 0, 0, err
	}
	sum, err = parseSum(text)
	return sum, dropped, err
}

// lookup looks up for at least d.
func (d *dpdk) lookup(engine, mode string, burst, set int, least time.Duration) (n uint64, took time.Duration, err error) {
	err = d.ask([]any{&n, &took}, "lookup %s %s %d %d %d", engine, mode, burst, set, least.Nanoseconds())
	return n, took, err
}

// forward forwards for at least d. What is lost or leaves by a wrong port is an error.
func (d *dpdk) forward(check, cross bool, burst int, least time.Duration) (n uint64, took time.Duration, err error) {
	var lost, wrong uint64
	err = d.ask([]any{&n, &took, &lost, &wrong}, "forward %d %d %d %d", bit(check), bit(cross), burst, least.Nanoseconds())
	if err == nil && (lost > 0 || wrong > 0) {
		err = fmt.Errorf("the DPDK loop lost %d frames and sent %d by a wrong port", lost, wrong)
	}
	return n, took, err
}

// close ends the program by its standard input.
func (d *dpdk) close() {
	d.in.Close()
	_ = d.cmd.Wait()
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func parseSum(text string) (sum uint64, err error) {
	_, err = fmt.Sscanf(text, "%x", &sum)
	return sum, err
}
