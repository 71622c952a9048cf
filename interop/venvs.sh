#!/bin/sh
# Makes the private Python environments of the interop tests: interop/venvs.sh [NAME...]
#
#   newest     newest Celery, Django 5.2: the oracle as it is deployed today
#   django42   newest Celery, Django 4.2
#   flower     newest Celery with Flower, the monitor
#   exporter   Celery 5.5 with celery-exporter, which makes figures for Prometheus of events
#   celery53   a worker with Celery 5.3
#   celery52   a worker with Celery 5.2: Debian 12's own package where it is installed
#              (python3-celery), else the same versions from the package index
#   celery44   a worker and a client with Celery 4.4
#   tracing    the newest Celery with OpenTelemetry and Sentry
#   openapi    schemathesis and openapi-spec-validator, which judge the API by its description
#   browser    selenium, which drives Chromium through the dashboard
#   format     clang-format 14, where the system has another (made only when it is named)
#
# They go to build/venv, or to the folder that CELERIAC_VENVS names. An environment is made again
# only when its requirements, this script's way of making it, or the interpreter have changed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
folder=${CELERIAC_VENVS:-$here/../build/venv}
python=${CELERIAC_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || python=$(command -v python3)

# Debian's python3-celery, when it is the 5.2 we want.
debian_celery() {
    "$python" -c 'import sys, celery, kombu
sys.exit(0 if celery.__version__.startswith("5.2.") and kombu.__version__.startswith("5.2.") else 1)' 2>/dev/null
}

# Celery 5.2 is older than Python 3.12, which Debian 13 and newer Ubuntus have, and 4.4 than 3.11.
add_compat() {
    packages=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cp "$here/old_celery_compat.py" "$packages/"
    echo 'import old_celery_compat' >"$packages/old_celery_compat.pth"
}

make() {
    name=$1 options= files=
    case $name in
    newest) files=requirements.txt ;;
    django42) files=requirements-django42.txt ;;
    flower) files=requirements-flower.txt ;;
    exporter) files=requirements-exporter.txt ;;
    celery53) files=requirements-celery53.txt ;;
    tracing) files=requirements-tracing.txt ;;
    openapi) files=requirements-openapi.txt ;;
    browser) files=requirements-browser.txt ;;
    format) files=requirements-format.txt ;;
    celery52)
        files=requirements-celery52.txt
        if debian_celery; then
            options=--system-site-packages
        else
            files="$files requirements-celery52-pip.txt old_celery_compat.py"
        fi ;;
    celery44) files="requirements-celery44.txt old_celery_compat.py" ;;
    *)
        echo "venvs.sh: no such environment: $name" >&2
        exit 2 ;;
    esac
    arguments=
    for file in $files; do
        case $file in *.txt) arguments="$arguments -r $file" ;; esac
    done
    mark=$( (cd "$here" && cat $files; "$python" -V; echo "$python $options") | sha256sum | cut -c1-32)
    if [ -f "$folder/$name/.made" ] && [ "$(cat "$folder/$name/.made")" = "$mark" ]; then
        return
    fi
    echo "venv $name: installing $files ..."
    rm -rf "$folder/$name"
    "$python" -m venv $options "$folder/$name" || {
        echo "venvs.sh: $python cannot make environments: install python3-venv" >&2
        exit 1
    }
    # Newer ones do not take the way in which Celery 4.4 names the versions it wants ("pytz>dev").
    if [ "$name" = celery44 ]; then
        "$folder/$name/bin/python" -m pip install --quiet --disable-pip-version-check pip==24.0
    fi
    # Most of what is installed is never imported: what is, is compiled then.
    (cd "$here" && "$folder/$name/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile $arguments)
    case $files in *old_celery_compat.py*) add_compat "$folder/$name" ;; esac
    echo "$mark" >"$folder/$name/.made"
    echo "venv $name: ready"
}

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# Several test programs may ask at the same time: one works, the others wait and find it done.
exec 9>"$folder/.lock"
flock 9
for name in ${*:-newest django42 celery53 celery52 celery44}; do
    make "$name"
done
