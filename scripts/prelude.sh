# shellcheck shell=bash
# What every script begins with: strict mode, the root as working directory, no standard input.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null

bold='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }
left_out() { printf -- '--- %s: left out, %s\n' "$1" "$2"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2 && exit 1; }

# Our own source files, relative to the root, one a line.
source_files() {
    local folder folders=()
    for folder in planner kernels runtime gui bench tests; do
        if [[ -d $folder ]]; then folders+=("$folder"); fi
    done
    find "${folders[@]}" -type f \
        \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) | sort
}

# configure PRESET: quiet unless it fails; what is not found is told.
configure() {
    local log
    log=$(mktemp)
    if have ccache; then
        export CMAKE_CXX_COMPILER_LAUNCHER=ccache
        export CCACHE_SLOPPINESS=pch_defines,time_macros  # or nothing that uses one is cached
    fi
    if ! cmake --preset "$1" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    sed -n 's/^-- \(.* left out\)$/--- \1/p' "$log"
    rm -f "$log"
}

# build PRESET [CMAKE ARGUMENT...]
build() {
    configure "$1" || return
    cmake --build --preset "$1" --parallel "$(nproc)" "${@:2}"
}
