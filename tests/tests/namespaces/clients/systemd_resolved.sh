# FOLDER RESOLVED SERVER PROGRAM...: starts systemd-resolved, which asks SERVER, and then the program, which asks it.
# Somebody else hears at the socket when it has started, and writes so into the pipe.
# Mounts are seen by these two only. systemd-resolved wants a user of its own and a folder in /run.
set -e
folder=$1 program=$2 server=$3
shift 3
for file in passwd group; do
    cp "/etc/$file" "$folder/$file"
done
echo 'systemd-resolve:x:996:996::/:/usr/sbin/nologin' >>"$folder/passwd"
echo 'systemd-resolve:x:996:' >>"$folder/group"
mount --bind "$folder/passwd" /etc/passwd
mount --bind "$folder/group" /etc/group
mkdir -p /run/systemd
mount -t tmpfs none /run/systemd
mkdir /run/systemd/resolved.conf.d
# Without the domain, names in .local are multicast DNS's.
printf '[Resolve]\nDNS=%s\nDomains=cluster.local\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\n' "$server" >/run/systemd/resolved.conf.d/server.conf
mkfifo "$folder/notified"
exec 3<>"$folder/notified"
NOTIFY_SOCKET=@resolved setpriv --pdeathsig KILL "$program" 2>"$folder/log" &
resolved=$!
read -r said <&3
[ "$said" = READY=1 ] || { cat "$folder/log" >&2; exit 1; }
"$@"
kill $resolved
