#!/bin/busybox sh
# This script runs as process 1 of an emulated board. The script sets up the network, and then runs
# commands from a serial port. The kernel command line contains the name of this serial port (for
# example `commands=ttyS1`). A request has the form `ID COMMAND`. The script answers with one line
# `|ID …` for each line of the command's output, and then with `@ID EXITCODE`.

/bin/busybox mkdir -p /proc /sys /dev /run/pinlatch /tmp /etc /var/lib
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
exec <"/dev/$commands" >"/dev/$commands" 2>&1
stty -echo
dmesg -n 1

# This function does the same as systemd does for the agent's unit. The function starts the agent
# and runs the command of `ExecStopPost=` after the agent has ended.
service() {
    RUST_LOG=debug pinlatch-agent run --config /etc/pinlatch/agent.toml >>/run/agent.log 2>&1 &
    echo $! >/run/agent.pid
    wait $!
    echo "@service ended $?" >"/dev/$commands"
    if [ "$1" = stop-post ]; then
        pinlatch-agent safe --config /etc/pinlatch/agent.toml >>/run/agent.log 2>&1
    fi
    echo "@service done" >"/dev/$commands"
}

ip link set lo up
for module in /modules/*.ko; do
    insmod "$module"
done
# This loop waits for the first network interface other than `lo`.
until interface=$(ls /sys/class/net | grep -v '^lo$' | head -n 1) && [ -n "$interface" ]; do
    usleep 20000
done
ip addr add 10.0.2.15/24 dev "$interface"
ip link set "$interface" up
ip route add default via 10.0.2.2
echo && echo @ready

while read -r id line; do
    eval "$line" </dev/null >/run/answer 2>&1
    code=$?
    awk -v id="$id" '{ print "|" id " " $0 }' /run/answer
    echo "@$id $code"
done
