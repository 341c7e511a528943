package forwarder

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"vrfwd/packet"
)

// TestNoAllocations polls good and bad frames, with a slow path, between ports of one arena and of two.
func TestNoAllocations(t *testing.T) {
	b := benchBed(t)
	frames := benchFrames(MaxBurst)
	frames[7] = ipv4Frame(host, 127<<24, 64, 46, 3)
	frames[9] = ipv4Frame(host, 90<<24, 64, 46, 3)
	l := newLooped(t, frames)
	other := newArena(t, 2*MaxBurst, 256)
	copying := newMemPort(t, other, 2*MaxBurst)
	sink := &FuncPort{Memory: l.Memory, Tx: l.Tx}
	slow := newSlowPath(t, 16)
	lent := make([]packet.Desc, MaxBurst)
	for i := range lent {
		lent[i] = other.Desc(i)
	}
	copying.Lend(lent)
	for name, uplink := range map[string]Port{"hand-over": sink, "copy": copying} {
		w := b.worker(Config{Ports: []Port{l, uplink}, Slow: slow})
		d := make([]packet.Desc, MaxBurst)
		n := testing.AllocsPerRun(100, func() {
			w.Poll()
			slow.Free(d[:slow.Pop(d)])
			copying.Lend(d[:copying.Collect(d)])
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per Poll", name, n)
		}
		if s := balanced(t, w); s.Forwarded == 0 || s.Drops[MartianDestination] == 0 || s.Punts[NoRoute] == 0 {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// TestHotPathCode reads what the compiler made of the hot path: in the functions of a burst no locked instruction, no
// call into sync, no channel, map, allocation or defer, and through an interface only the calls made once per burst.
// Stages that loop over packets call nothing but their cold arms.
func TestHotPathCode(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("reads amd64 assembly")
	}
	if raceDetector {
		t.Skip("the race detector adds calls")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs the go tool: ", err)
	}
	out, err := exec.Command(tool, "build", "-gcflags=-S", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build -gcflags=-S: %v\n%s", err, out)
	}
	code := functions(out)

	const pkg, worker, burst = "vrfwd/forwarder.", "vrfwd/forwarder.(*Worker).", "vrfwd/forwarder.(*burst)."
	// What each function of a burst may call; REG is a call through an interface or a function value.
	allowed := map[string]string{
		worker + "forward": `\(\*Worker\)\.(receive|classify|validate|lookup|rewrite|transmit|settle)$` +
			`|lpm\.\(\*Set\)\.LookupDual$|forwarder\.placesKernel$|REG` + // REG: the view
			`|\(\*Worker\)\.(tapReceived|tapDone)$|runtime\.gcWriteBarrier2$`,
		worker + "receive":      `REG|runtime\.gcWriteBarrier2$`, // RxBurst; where the burst came from
		worker + "classify":     `\(\*burst\)\.classify(Run|Each)$|forwarder\.classifyKernel$`,
		burst + "classifyEach":  `forwarder\.(badFrame|oddFrame)$`,
		worker + "validate":     `\(\*Worker\)\.validate(Run|Each)$|forwarder\.validateKernel$`,
		worker + "validateEach": `\(\*Worker\)\.oddHeader$`,
		worker + "lookup":       `lpm\.\(\*Set\)\.LookupDual$|forwarder\.placesKernel$`,
		worker + "rewrite":      `\(\*Worker\)\.rewrite(Run|Each)$|forwarder\.rewriteKernel$`,
		worker + "rewriteEach":  `forwarder\.oddHop$|\(\*Worker\)\.choose$`,
		worker + "choose":       `^$`,
		worker + "transmit":     `forwarder\.lengths(Each)?$|\(\*Worker\)\.(untaken|tapTx)$|REG`, // TxBurst and Free
		pkg + "lengths":         `forwarder\.lengths(Each|Kernel)$`,
		pkg + "lengthsEach":     `^$`,
	}
	calls := map[string]int{worker + "forward": 1, worker + "receive": 1, worker + "transmit": 2}
	ours := regexp.MustCompile(`runtime\.(panic\w*|morestack\w*)`) // bounds checks and stack growth: not on the way
	for name, may := range allowed {
		body, ok := code[name]
		if !ok {
			if strings.HasSuffix(name, "lookup") || strings.HasSuffix(name, "receive") {
				continue // inlined into forward
			}
			t.Errorf("no code for %s", name)
			continue
		}
		permitted, through := regexp.MustCompile(may), 0
		for _, line := range body {
			op, operand, _ := strings.Cut(line, "\t")
			switch op {
			case "LOCK", "XCHGL", "XCHGQ", "XADDL", "XADDQ", "CMPXCHGL", "CMPXCHGQ", "MFENCE":
				if operand != "AX, AX" { // a NOP
					t.Errorf("%s: %s", name, line)
				}
			case "CALL":
				target := strings.TrimSuffix(operand, "(SB)")
				if !strings.Contains(operand, "(SB)") {
					target = "REG"
					through++
				}
				if !permitted.MatchString(target) && !ours.MatchString(target) {
					t.Errorf("%s calls %s", name, operand)
				}
			}
		}
		if most := calls[name]; through > most {
			t.Errorf("%s has %d calls through an interface or function value, %d are one per burst", name, through, most)
		}
	}
}

// functions splits the compiler's listing into the instructions of each function: "OP\toperands".
func functions(listing []byte) map[string][]string {
	code, name := map[string][]string{}, ""
	head := regexp.MustCompile(`^(\S+) STEXT`)
	instruction := regexp.MustCompile(`^\t0x[0-9a-f]+ \d+ \([^)]*\)\t(\S+)(?:\t(.*))?$`)
	for s := bufio.NewScanner(bytes.NewReader(listing)); s.Scan(); {
		if m := head.FindStringSubmatch(s.Text()); m != nil {
			name = m[1]
		} else if m := instruction.FindStringSubmatch(s.Text()); m != nil {
			code[name] = append(code[name], m[1]+"\t"+m[2])
		}
	}
	return code
}
