#!/usr/bin/env bash
exec bash "$(dirname "$0")/recipe.sh" whu pointsam "$@"
