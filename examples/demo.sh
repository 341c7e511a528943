#!/usr/bin/env bash
# Forward real packets in two minutes: a site, a provider edge and an Internet, in three network namespaces. Needs root.
# It leaves nothing behind, also when something fails. It ends with 77 where this machine lacks what it needs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
fwd=${FWD:-$here/../bin/fwd}

lacks=()
for need in ip:iproute2 ping:iputils-ping traceroute:traceroute ethtool:ethtool; do
	command -v "${need%%:*}" >/dev/null || lacks+=("${need##*:}")
done
((${#lacks[@]} == 0)) || { echo "install first: apt-get install ${lacks[*]}" >&2; exit 77; }
[[ -x $fwd ]] || { echo "build first: make build" >&2; exit 1; }
((EUID == 0)) || { echo "run as root: namespaces and packet sockets need it" >&2; exit 77; }

site=fwd-demo-site-$$ pe=fwd-demo-pe-$$ internet=fwd-demo-internet-$$
work=$(mktemp -d)
router=
cleanup() {
	[[ -z $router ]] || { kill "$router" 2>/dev/null && wait "$router" || true; }
	for ns in $site $pe $internet; do ip netns delete "$ns" 2>/dev/null || true; done
	rm -rf "$work"
}
trap cleanup EXIT

say() { printf '\n== %s\n' "$*"; }
link() { # NAMESPACE DEVICE: up, and without the offloads that leave it to the device to cut segments
	ip netns exec "$1" ethtool -K "$2" tso off tx-udp-segmentation off gso off gro off
	ip -n "$1" link set "$2" up
}

say "three namespaces, two veth pairs"
for ns in $site $pe $internet; do ip netns add "$ns"; done
ip link add eth0 netns "$site" type veth peer name to-site netns "$pe"
ip link add eth0 netns "$internet" type veth peer name to-internet netns "$pe"
ip -n "$internet" link set lo up
link "$site" eth0
link "$pe" to-site
link "$internet" eth0
link "$pe" to-internet
until [[ -z $(ip -n "$pe" -brief link show type veth | awk '$2 != "UP"') ]]; do sleep 0.1; done # the kernel's own time
ip -n "$site" address add 10.1.0.2/24 dev eth0
ip -n "$site" address add 203.0.113.10/32 dev eth0
ip -n "$site" route add default via 10.1.0.1 src 203.0.113.10
ip -n "$internet" address add 192.0.2.2/24 dev eth0
ip -n "$internet" address add 198.51.100.1/32 dev lo
ip -n "$internet" route add 203.0.113.0/24 via 192.0.2.1

say "fwd run -c demo.yaml"
cp "$here/demo.yaml" "$work"
cd "$work"
"$fwd" check demo.yaml
ip netns exec "$pe" "$fwd" run -c demo.yaml --plain &
router=$!
for _ in {1..50}; do
	"$fwd" show workers -c demo.yaml >/dev/null 2>&1 && break
	sleep 0.1
done

say "from the site to the Internet: no route in VRF red, so the parent's"
ip netns exec "$site" ping -c 3 -i 0.2 198.51.100.1

say "and the route there: the provider edge is the first hop"
ip netns exec "$site" traceroute -n -w 2 -q 1 198.51.100.1

say "why"
"$fwd" show lookup 198.51.100.1 --vrf red -c demo.yaml

say "fwd show interfaces"
"$fwd" show interfaces -c demo.yaml

say "the end: SIGTERM, and the account"
kill "$router"
wait "$router"
router=
