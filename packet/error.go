package packet

// Error says why a ParseX refused its bytes. The constants are the only values: they compare with == and errors.Is,
// and returning one allocates nothing. The zero value is not an error that any function returns.
type Error uint8

const (
	_             Error = iota
	ErrShort            // fewer bytes than the fixed part of the header
	ErrVersion          // IPv4: version is not 4
	ErrHeaderLen        // IPv4: IHL below 5; TCP: data offset below 5
	ErrLength           // IPv4, UDP: the header's length field does not cover the header
	ErrTruncated        // the header states more bytes than there are
	ErrTags             // VLAN: more than two tags
	ErrARPAddress       // ARP: not Ethernet (1, 6 bytes) and IPv4 (0x0800, 4 bytes)
)

var errorText = [...]string{
	ErrShort:      "packet: fewer bytes than the header needs",
	ErrVersion:    "packet: IP version is not 4",
	ErrHeaderLen:  "packet: header length field is below the minimum of 5 words",
	ErrLength:     "packet: length field does not cover the header",
	ErrTruncated:  "packet: header states more bytes than there are",
	ErrTags:       "packet: more than two VLAN tags",
	ErrARPAddress: "packet: ARP is not for IPv4 over Ethernet",
}

// Error returns the text of e.
func (e Error) Error() string {
	if int(e) < len(errorText) && errorText[e] != "" {
		return errorText[e]
	}
	return "packet: unknown error"
}
