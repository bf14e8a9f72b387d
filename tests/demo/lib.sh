# SPDX-License-Identifier: GPL-2.0
#
# For the parts of the demo that run on this machine: a directory of their own, which is the working directory; every
# command is shown before it runs, and one that fails ends it.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
export PATH=$top/build/bin:$PATH PYTHONPATH=$top/ctl/python LIBVEXFS=$top/build/lib/libvexfs.so.0
dir=$(mktemp -d) out=$top/build/demo
mkdir -p "$out"
cd "$dir"
clean_up() { rm -rf "$dir"; }
trap clean_up EXIT
trap 'exit 130' INT TERM
ln -s "$top/tests/data/glove-2k.fvecs" "$top/tests/data/glove-2k.words" .

say() { echo; echo "--- $*"; }
stopped() { echo "$*" >&2; echo "Demo stopped."; exit 1; }
# show COMMAND: as a user types it
show() {
	echo "\$ $1"
	bash -c "$1" > all 2>&1 || { sed 's/^/  /' all; stopped "that failed"; }
	grep -vE '^[a-z]+: [0-9]+ of [0-9]+ [a-z]+$' all > said || true	# how far it is
	sed 's/^/  /' said
}
# has TEXT: what was shown last says it
has() { grep -qF -- "$1" said || stopped "it does not say: $1"; }
