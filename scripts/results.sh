#!/usr/bin/env bash
# scripts/results.sh OUTPUT [POINTS] [SEEDS]: the rows of docs/results.md on NWPU VHR-10.
# NWPU names the folder of Images, Annotations and Points. POINTS and SEEDS are lists, as "1 2 3";
# STEPS, where given, cuts the runs short: that exercises the script and measures nothing.
set -euo pipefail
output=$1 points=${2:-1 2 3} seeds=${3:-1337}
data=${NWPU:?give the folder of the data set as NWPU=...}
short=(); if [[ -n ${STEPS:-} ]]; then
  short=(--set "schedule.epochs=0.001" --set "schedule.min_steps=$STEPS")
fi
mkdir -p "$output"
vals=(); for n in 1 2 3; do vals+=(--points "$data/Points/NWPU_points_val_$n.json"); done
score() { # NAME [options of evaluate]
  if [[ ! -e $output/scores-$1 ]]; then
    pointsam evaluate --images "$data/Images" "${vals[@]}" --precision float32 \
      --annotations "$data/Annotations/NWPU_instances_val.json" --output "$output/scores-$1" "${@:2}"
  fi
}
score direct
for n in $points; do
  train=$data/Points/NWPU_points_train_$n.json
  labels=$output/labels-$n
  if [[ ! -e $labels/labels.json ]]; then
    resume=(); if [[ -e $labels ]]; then resume=(--resume); fi
    pointsam label --images "$data/Images" --points "$train" --output "$labels" \
      --precision bfloat16 "${resume[@]}"
  fi
  if [[ ! -e $output/scores-labels-$n ]]; then
    pointsam evaluate --annotations "$data/Annotations/NWPU_instances_train.json" \
      --masks "$labels/labels.json" --output "$output/scores-labels-$n"
  fi
  for seed in $seeds; do
    run=$output/nwpu-$n-$seed
    resume=(); if [[ -e $run/state.pt ]]; then resume=(--resume); fi
    pointsam train --images "$data/Images" --points "$train" --labels "$labels/labels.json" \
      --output "$run" --seed "$seed" --precision bfloat16 "${short[@]}" "${resume[@]}"
    score "$n-$seed" --adapter "$run"
  done
done
