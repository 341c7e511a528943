#!/usr/bin/env bash
# An Internet-facing VPN in five minutes: a customer's site and two Internet gateways, all three BIRD, and the provider edge
# between them, in four network namespaces. Needs root. It leaves nothing behind, also when something fails. It ends with
# 77 where this machine lacks what it needs.
#
#   vpn.sh          shows what happens, and ends
#   vpn.sh shell    gives a shell beside the running network; the network ends with it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
fwd=$(realpath -m "${FWD:-$here/../bin/fwd}")

(($# == 0)) || [[ $* == shell ]] || { echo "usage: vpn.sh [shell]" >&2; exit 2; }
PATH=$PATH:/usr/sbin:/sbin
lacks=()
for need in ip:iproute2 ping:iputils-ping traceroute:traceroute ethtool:ethtool bird:bird2; do
	command -v "${need%%:*}" >/dev/null || lacks+=("${need##*:}")
done
((${#lacks[@]} == 0)) || { echo "install first: apt-get install ${lacks[*]}" >&2; exit 77; }
[[ -x $fwd ]] || { echo "build first: make build" >&2; exit 1; }
((EUID == 0)) || { echo "run as root: namespaces and packet sockets need it" >&2; exit 77; }
[[ -c /dev/net/tun ]] || { echo "/dev/net/tun is missing, and BGP needs it: modprobe tun" >&2; exit 77; }

work=$(mktemp -d)
site=fwd-vpn-site-$$ pe=fwd-vpn-pe-$$ isp1=fwd-vpn-isp1-$$ isp2=fwd-vpn-isp2-$$
router= daemons=()
cleanup() {
	for pid in $router "${daemons[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" || true; done
	for ns in $site $pe $isp1 $isp2; do ip netns delete "$ns" 2>/dev/null || true; done
	rm -rf "$work"
}
trap cleanup EXIT

say() { printf '\n== %s\n' "$*"; }
try() { printf '\n$ %s\n' "$*"; "$@"; } # a command, as one may type it in the shell
link() { # NAMESPACE DEVICE: up, and without the offloads that leave it to the device to cut segments
	ip netns exec "$1" ethtool -K "$2" tso off tx-udp-segmentation off gso off gro off
	ip -n "$1" link set "$2" up
}
until_true() { # WHAT COMMAND...: waits for it
	local deadline=$((SECONDS + 30))
	while ((SECONDS < deadline)); do
		! "${@:2}" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	echo "not so after 30 s: $1" >&2
	tail -n 3 ./*.log >&2 2>/dev/null || true # what BIRD said
	return 1
}
has() { [[ -n $(ip -n "$1" route show "$2") ]]; } # NAMESPACE PREFIX
leaves() { [[ $(fwd show lookup "$1" --vrf red -c vpn.yaml) == *"forwarded out of $2"* ]]; } # ADDRESS INTERFACE
bird_in() { # NAME: BIRD in its namespace, by NAME.conf
	ip netns exec "${!1}" bird -f -c "$1.conf" -s "$1.ctl" -P "$1.pid" >"$1.log" 2>&1 </dev/null &
	daemons+=($!)
}
cd "$work"
mkdir bin
PATH=$work/bin:$PATH
ln -s "$fwd" bin/fwd
for name in site isp1 isp2; do # `isp1 ping ...` runs ping there; `isp1 birdc ...` asks its BIRD
	cat >"bin/$name" <<-END
		#!/bin/sh
		[ "\$1" != birdc ] || { shift; exec birdc -s "$work/$name.ctl" "\$@"; }
		exec ip netns exec ${!name} "\$@"
	END
	chmod +x "bin/$name"
done

say "four namespaces: a site, the provider edge, two Internet gateways"
for ns in $site $pe $isp1 $isp2; do
	ip netns add "$ns"
	ip -n "$ns" link set lo up
done
ip netns exec "$pe" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward' # fwd forwards, nobody else
for name in site isp1 isp2; do
	ip link add eth0 netns "${!name}" type veth peer name "to-$name" netns "$pe"
	link "${!name}" eth0
	link "$pe" "to-$name"
done
until_true "all links are up" eval "! ip -n $pe -brief link show type veth | grep -v ' UP '"
ip -n "$site" address add 10.0.0.2/30 dev eth0
ip -n "$site" address add 198.18.1.1/32 dev lo   # its end of the BGP session
ip -n "$site" address add 203.0.113.10/32 dev lo # its host
ip -n "$isp1" address add 100.64.1.2/30 dev eth0
ip -n "$isp1" address add 192.0.2.1/32 dev lo
ip -n "$isp2" address add 100.64.2.2/30 dev eth0
ip -n "$isp2" address add 198.51.100.1/32 dev lo

# The site's BIRD knows nothing of the Internet but what the session brings; of the provider it has the parent's loopback.
cat >site.conf <<'END'
router id 198.18.1.1;
protocol device {}
protocol direct { ipv4; }
protocol kernel { ipv4 { export filter { if source = RTS_DEVICE then reject; krt_prefsrc = 203.0.113.10; accept; }; }; }
protocol static { ipv4; route 198.18.0.1/32 via 10.0.0.1; route 203.0.113.0/24 blackhole; }
protocol bgp parent {
	local 198.18.1.1 as 64510;
	neighbor 198.18.0.1 as 64500;
	multihop 2;
	connect delay time 1;
	connect retry time 1;
	ipv4 { import all; export where net = 203.0.113.0/24; };
}
END
# Both gateways announce both prefixes of this Internet, the other's by a longer path.
gateway() { # NUMBER HOST NEAR FAR
	cat >"isp$1.conf" <<-END
		router id 100.64.$1.2;
		protocol device {}
		protocol kernel { ipv4 { export filter { if source != RTS_BGP then reject; krt_prefsrc = $2; accept; }; }; }
		protocol static {
			ipv4;
			route $3 blackhole;
			route $4 blackhole { bgp_path.prepend(64498); bgp_path.prepend(64497); };
		}
		protocol bgp provider {
			local 100.64.$1.2 as 6450$1;
			neighbor 100.64.$1.1 as 64500;
			connect delay time 1;
			connect retry time 1;
			ipv4 { import all; export where source = RTS_STATIC; };
		}
	END
}
gateway 1 192.0.2.1 192.0.2.0/24 198.51.100.0/24
gateway 2 198.51.100.1 198.51.100.0/24 192.0.2.0/24

say "fwd run -c vpn.yaml"
cp "$here/vpn.yaml" .
fwd check vpn.yaml
exec 3>&2
[[ $* != shell ]] || exec 3>fwd.log # not into what one types
ip netns exec "$pe" fwd run -c vpn.yaml --plain 2>&3 </dev/null &
router=$!
until_true "fwd answers" fwd show workers -c vpn.yaml

say "BIRD at the site and in both gateways; routes spread by BGP alone"
bird_in site
bird_in isp1
bird_in isp2
for prefix in 192.0.2.0/24 198.51.100.0/24; do until_true "the site has $prefix" has "$site" "$prefix"; done
for isp in isp1 isp2; do until_true "$isp has the site's prefix" has "${!isp}" 203.0.113.0/24; done
until_true "packets to 192.0.2.1 leave by uplink1" leaves 192.0.2.1 uplink1
until_true "packets to 198.51.100.1 leave by uplink2" leaves 198.51.100.1 uplink2
until_true "the site reaches isp1" site ping -c 1 -W 1 192.0.2.1
until_true "the site reaches isp2" site ping -c 1 -W 1 198.51.100.1

if [[ $* == shell ]]; then
	say "site, isp1 and isp2 run a command there, fwd takes -c vpn.yaml, and logs into fwd.log; exit ends it all"
	if [[ -t 0 ]]; then PS1='vpn$ ' bash --norc || true; else bash -ev; fi
else
	say "the sessions of the parent VR"
	try fwd show bgp summary -c vpn.yaml
	say "its routes: two paths to each prefix of the Internet, the shorter one is best (*), and one to the site"
	try fwd show bgp routes -c vpn.yaml
	say "so two destinations leave by two uplinks: no route in VRF red, hence the parent's"
	try fwd show lookup 192.0.2.1 --vrf red -c vpn.yaml
	try fwd show lookup 198.51.100.1 --vrf red -c vpn.yaml
	say "what the gateways and the site were told"
	try isp1 ip route show 203.0.113.0/24
	try site ip route show 198.51.100.0/24
	say "from the site to the Internet, and back"
	try site ping -c 3 -i 0.2 198.51.100.1
	try site traceroute -n -q 1 -w 2 192.0.2.1
	try isp2 ping -c 3 -i 0.2 203.0.113.10
	try isp1 traceroute -n -q 1 -w 2 203.0.113.10
fi

say "the end: SIGTERM, and the account"
kill "$router"
wait "$router"
router=
