package packet

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// TestInlining asks the compiler which functions it can inline: those that run once per packet must stay within its
// budget. It skips without the go command and fails without it under CI=true.
func TestInlining(t *testing.T) {
	gocmd, err := exec.LookPath("go")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the go command is not in PATH")
		}
		t.Skip("the go command is not in PATH")
	}
	out, err := exec.Command(gocmd, "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build -gcflags=-m: %v\n%s", err, out)
	}
	inlined := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m): can inline (\S+)`).FindAllSubmatch(out, -1) {
		inlined[string(m[1])] = true
	}
	for _, name := range []string{
		"(*Arena).Frame", "(*Arena).Desc", "(*Arena).Slot", "(*Arena).HeadroomOf", "(*Arena).Bytes",
		"ParseEthernet", "Ethernet.Dst", "Ethernet.Src", "Ethernet.EtherType", "Ethernet.Payload", "Ethernet.SetDst",
		"Ethernet.SetSrc", "Ethernet.SetEtherType", "MAC.IsGroup",
		"NewTCI", "TCI.VID", "TCI.PCP", "TCI.DEI", "VLAN.Tags", "VLAN.TCI", "VLAN.TPID", "VLAN.EtherType", "VLAN.SetTCI",
		"IsPlainIPv4", "IPv4.HeaderLen", "IPv4.TotalLen", "IPv4.TTL", "IPv4.Protocol", "IPv4.Src", "IPv4.Dst",
		"IPv4.Fragment", "IPv4.DF", "IPv4.MF", "IPv4.IsFragment", "IPv4.Payload", "IPv4.Options", "IPv4.Checksum",
		"IPv4.SetTTL", "IPv4.SetSrc", "IPv4.SetDst", "IPv4.SetTotalLen", "IPv4.SetID", "IPv4.DecrementTTL",
		"ParseUDP", "UDP.SrcPort", "UDP.DstPort", "UDP.Len", "UDP.Payload", "UDP.SetLen", "UDP.SetSrcPort",
		"ParseTCP", "TCP.SrcPort", "TCP.DstPort", "TCP.Payload",
		"ParseICMPv4", "ParseARP", "ARP.Op", "ARP.SenderIP", "ARP.SenderMAC",
		"ChecksumHeader20", "UpdateChecksum", "UpdateChecksum32",
	} {
		if !inlined[name] {
			t.Errorf("%s is no longer inlined", name)
		}
	}
}
