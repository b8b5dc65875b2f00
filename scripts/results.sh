#!/usr/bin/env bash
# scripts/results.sh OUTPUT [POINTS] [SEEDS] [ROWS]: the rows of docs/results.md.
# NWPU names the folder of Images, Annotations and Points; HRSID, for the row hrsid, that of images
# and annotations. POINTS and SEEDS are lists, as "1 2 3"; ROWS are some of
#   direct student ceiling ten twice val sloppy few classes hrsid recipe
# To exercise the script, and measure nothing: STEPS cuts the runs short, SUBSET takes so many images,
# SIDE shrinks the model's input.
set -euo pipefail
output=$1 points=${2:-1 2 3} seeds=${3:-1337}
rows=${4:-direct student ceiling ten twice val sloppy few classes}
data=${NWPU:?give the folder of the data set as NWPU=...}
here=$(dirname "$0")
short=() side=() closer=(--side 1536) passes=(--epochs 2) models=(--precision bfloat16)
if [[ -n ${STEPS:-} ]]; then
  short=(--set schedule.epochs=0.001 --set "schedule.min_steps=$STEPS") passes=()
fi
if [[ -n ${SIDE:-} ]]; then side=(--side "$SIDE") closer=(); fi
mkdir -p "$output/points"

vary() { # FILE NAME [options of vary.py]: a file of other clicks, made once
  made=$output/points/$2
  if [[ ! -e $made ]]; then python "$here/vary.py" "$1" "$made" "${@:3}"; fi
}
part() { # FILE: the file, or its first images
  made=$1
  if [[ -n ${SUBSET:-} ]]; then vary "$1" "first-$(basename "$1")" --first "$SUBSET"; fi
}
draw() { # MASKS NAME NUMBER SEED [options of points draw]: clicks drawn from masks, once
  made=$output/points/$2
  if [[ ! -e $made ]]; then
    pointsam points draw --annotations "$1" --output "$made" --positives "$3" --negatives "$3" \
      --seed "$4" "${@:5}"
  fi
}
label() { # NAME CLICKS [MASKS]: labels, and their score where masks are given
  local folder=$output/labels-$1 resume=()
  if [[ ! -e $folder/labels.json ]]; then
    if [[ -e $folder ]]; then resume=(--resume); fi
    pointsam label --images "$images" --points "$2" --output "$folder" "${models[@]}" "${side[@]}" "${resume[@]}"
  fi
  if [[ -n ${3:-} && ! -e $output/scores-labels-$1 ]]; then
    pointsam evaluate --annotations "$3" --masks "$folder/labels.json" --output "$output/scores-labels-$1"
  fi
}
train() { # NAME CLICKS LABELS SEED [options of train]
  local run=$output/nwpu-$1 resume=()
  if [[ -e $run/state.pt ]]; then resume=(--resume); fi
  pointsam train --images "$images" --points "$2" --labels "$3" --output "$run" --seed "$4" \
    "${models[@]}" "${side[@]}" "${short[@]}" "${resume[@]}" "${@:5}"
}
score() { # NAME [options of evaluate]
  if [[ ! -e $output/scores-$1 ]]; then
    pointsam evaluate --images "$images" "${vals[@]}" --precision float32 "${side[@]}" \
      --annotations "$val" --output "$output/scores-$1" "${@:2}"
  fi
}
student() { # NAME CLICKS [MASKS]: labels, one seed, score
  label "$1" "$2" "${3:-}"
  train "$1" "$2" "$output/labels-$1/labels.json" 1337
  score "$1" --adapter "$output/nwpu-$1"
}
wanted() { [[ " $rows " == *" $1 "* ]]; }

images=$data/Images
part "$data/Annotations/NWPU_instances_val.json"; val=$made
part "$data/Annotations/NWPU_instances_train.json"; masks=$made
vals=(); for n in 1 2 3; do part "$data/Points/NWPU_points_val_$n.json"; vals+=(--points "$made"); done
part "$data/Points/NWPU_points_train_1.json"; clicks=$made

if wanted direct; then score direct; fi
for n in $points; do
  part "$data/Points/NWPU_points_train_$n.json"; train_n=$made
  if wanted student; then
    label "$n" "$train_n" "$masks"
    for seed in $seeds; do
      train "$n-$seed" "$train_n" "$output/labels-$n/labels.json" "$seed"
      score "$n-$seed" --adapter "$output/nwpu-$n-$seed"
    done
  fi
  if wanted val; then # who clicked everything needs no training: labels of the validation clicks
    part "$data/Points/NWPU_points_val_$n.json"
    label "val-$n" "$made" "$val"
  fi
done
if wanted ceiling; then # the same layers, learned from the annotated masks
  train true "$clicks" "$masks" 1337
  score true --adapter "$output/nwpu-true"
fi
if wanted ten; then # ten clicks an object, as the published protocol draws in ten epochs
  draw "$masks" train-10.json 10 1337
  student ten "$made" "$masks"
  train ten-closer "$made" "$output/labels-ten/labels.json" 1337 "${closer[@]}"
  score ten-closer --adapter "$output/nwpu-ten-closer"
  for seed in 1 2 3; do # and clicks drawn anew at evaluation
    redrawn=(); for n in 1 2 3; do draw "$val" "val-$n-$seed.json" "$n" "$seed"; redrawn+=(--points "$made"); done
    fixed=("${vals[@]}") vals=("${redrawn[@]}")
    score "ten-redrawn-$seed" --adapter "$output/nwpu-ten"
    vals=("${fixed[@]}")
  done
fi
if wanted twice; then # two passes at 1536 px, as the adapters ship; then of ten clicks and the annotated masks
  twice() { # NAME CLICKS LABELS
    for seed in $seeds; do
      train "twice-$1-$seed" "$2" "$3" "$seed" "${closer[@]}" "${passes[@]}"
      score "twice-$1-$seed" --adapter "$output/nwpu-twice-$1-$seed"
    done
  }
  for n in $points; do
    part "$data/Points/NWPU_points_train_$n.json"; train_n=$made
    label "$n" "$train_n" "$masks"
    twice "$n" "$train_n" "$output/labels-$n/labels.json"
  done
  draw "$masks" train-10.json 10 1337; ten=$made
  label ten "$ten" "$masks"
  twice ten "$ten" "$output/labels-ten/labels.json"
  twice true "$clicks" "$masks"
fi
if wanted sloppy; then
  for share in ${MISSING:-0.1 0.3}; do
    vary "$clicks" "missing-$share.json" --missing "$share"; student "missing-$share" "$made"
  done
  for pixels in ${SHIFT:-5 10}; do
    vary "$clicks" "shift-$pixels.json" --shift "$pixels"; student "shift-$pixels" "$made"
  done
  draw "$masks" edge.json 1 1337 --placement boundary; student edge "$made"
fi
if wanted few; then
  for share in ${SHARES:-0.05 0.2}; do
    vary "$clicks" "few-$share.json" --share "$share"; student "few-$share" "$made"
  done
fi
if wanted classes; then
  vary "$clicks" one-class.json --only "${CLASS:-ship}"; student one-class "$made"
  vary "$clicks" no-classes.json --no-classes; student no-classes "$made"
fi
if wanted hrsid; then
  images=${HRSID:?give the folder of HRSID as HRSID=...}/images
  part "$HRSID/annotations/hrsid_mini_offshore.json"; ships=$made
  draw "$ships" hrsid.json 1 1337; clicks=$made
  for fold in ${FOLDS:-1 2 3}; do
    vary "$ships" "hrsid-val-$fold.json" --fold "$fold/3" --images "$images"; val=$made
    vary "$clicks" "hrsid-clicks-$fold.json" --fold "$fold/3" --images "$images"; vals=(--points "$made")
    score "hrsid-direct-$fold"
    vary "$clicks" "hrsid-train-$fold.json" --without-fold "$fold/3" --images "$images"
    student "hrsid-$fold" "$made"
  done
  val=$HRSID/annotations/hrsid_official_samples.json # in harbours, which no fold has seen
  draw "$val" hrsid-inshore.json 1 1337; vals=(--points "$made")
  score hrsid-inshore-direct
  for fold in ${FOLDS:-1 2 3}; do score "hrsid-inshore-$fold" --adapter "$output/nwpu-hrsid-$fold"; done
fi
if wanted recipe; then # what a student learns in one pass, scored on the development part
  part=$here/../configs/nwpu_dev.txt
  vary "$masks" dev-masks.json --part "$part"; val=$made
  vals=()
  for n in 1 2 3; do
    vary "$data/Points/NWPU_points_train_$n.json" "dev-$n.json" --part "$part"; vals+=(--points "$made")
  done
  vary "$masks" rest-masks.json --without-part "$part"; rest=$made
  vary "$clicks" rest-1.json --without-part "$part"
  blocks=()
  try() { # NAME [options of train]
    train "recipe-$1" "$made" "$rest" 1337 "${blocks[@]}" "${@:2}"
    score "recipe-$1" --adapter "$output/nwpu-recipe-$1"
  }
  try default
  blocks=(--first-block 4) # as the rows below were measured: those at stride 16 alone
  try stride-16
  try pairs --lr 5e-4 --batch-size 2
  try weak --lr 5e-4 --batch-size 2 --set data.strong_share=0
  try soft --lr 5e-4 --batch-size 2 --set loss.soft_edges=true
  try rate --lr 2e-3 --batch-size 2
  try passes "${passes[@]}"
  try closer "${closer[@]}"
  clicked=$made
  label 1 "$clicks" "$masks"
  vary "$output/labels-1/labels.json" rest-labels.json --without-part "$part"; rest=$made made=$clicked
  try labels
  try labels-twice "${closer[@]}" "${passes[@]}"
fi
