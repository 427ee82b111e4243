# Shared by the start scripts of the servers; sourced, never run.
# shellcheck shell=bash disable=SC2034

# shellcheck source-path=SCRIPTDIR/../scripts source=../scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

server=$(basename "$(dirname "$0")")
here=$root/interop/$server
installed=$root/build/interop/$server

# Whether the server was installed with these files of its directory as they are.
# usage: as_installed <file>...
as_installed() {
    local file
    for file in "$@"; do cmp -s "$here/$file" "$installed/from/${file//\//-}" || return; done
}

# usage: installed_as <file>...
installed_as() {
    local file
    mkdir -p "$installed/from"
    for file in "$@"; do cp "$here/$file" "$installed/from/${file//\//-}"; done
}

# Copies an artifact of Maven, and compares it with its checksum.
# usage: artifact <group:artifact:version[:type]> <SHA-256> <to>
artifact() {
    local into=$installed/fetched files
    rm -rf "$into"
    quietly "$installed/mvn.log" mvn --quiet --batch-mode \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        "-Dartifact=$1" "-DoutputDirectory=$into"
    files=("$into"/*)
    [[ $(sha256sum <"${files[0]}") == "$2  -" ]] || die "$1 has another checksum than $2"
    mv "${files[0]}" "$3"
    rm -rf "$into"
}

# Copies the jars of a pom.xml into a directory, and compares them with a list of checksums beside it
# (sha256sum *.jar > sha256sums makes one).
# usage: jars <pom.xml> <sha256sums> <directory>
jars() {
    quietly "$installed/mvn.log" mvn --quiet --batch-mode --file "$here/$1" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies "-DoutputDirectory=$3"
    (cd "$3" && quietly "$installed/sha256sum.log" sha256sum --strict --check "$here/$2")
}

# An authority (ca.key, ca.crt), and keys with certificates of it for 127.0.0.1 that are called NAME.
# usage: certificates <directory> <name>...
certificates() {
    local name for=(-addext subjectAltName=IP:127.0.0.1)
    mkdir -p "$1"
    (
        cd "$1"
        openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=ca -keyout ca.key -out ca.crt
        for name in "${@:2}"; do
            openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" "${for[@]}" -keyout "$name.key" -out "$name.csr"
            openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
                -copy_extensions copy -out "$name.crt"
        done
    ) 2>"$installed/openssl.log"
}

# The port that the variable of this name has, else one that is free now.
# usage: port <name>
port() {
    local number=${!1:-}
    while [[ -z $number ]]; do
        number=$((20000 + RANDOM % 10000))
        ! (: <"/dev/tcp/127.0.0.1/$number") 2>/dev/null || number=
    done
    echo "$number"
}

# Waits for an HTTP answer of any status; ends the subshell that it is called in when there will be none.
# usage: answers <URL>
answers() {
    # The server gets the process of the script by exec.
    until curl --silent --insecure --output /dev/null --max-time 5 "$1"; do
        kill -0 "$$" 2>/dev/null || exit 0
        sleep 0.2
    done
}

# Writes $state/ready when the server answers.
# usage: when_answering <URL> <KEY=value>... &
when_answering() {
    answers "$1"
    ready "${@:2}"
}

# usage: ready <KEY=value>...
ready() {
    printf '%s\n' "$@" >"$state/ready.new"
    mv "$state/ready.new" "$state/ready"
}

# usage: main fetch | main run <directory for what it writes>
main() {
    mkdir -p "$installed"
    case ${1:-} in
    fetch) fetch ;;
    run)
        [[ -n ${2:-} ]] || die "usage: $0 run <directory>"
        mkdir -p "$2"
        state=$(realpath "$2")
        rm -f "$state/ready"
        fetch
        run
        ;;
    *) die "usage: $0 fetch, or $0 run <directory>" ;;
    esac
}
