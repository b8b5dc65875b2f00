#!/usr/bin/env bash
# scripts/recipe.sh DATASET REGIME [options of `pointsam train`]
# Trains and scores from 1, 2 and 3 points an object. DATA names the data set's folder (its tree is
# what `pointsam data layout` looks for), RUNS the folder of the results; points are drawn once.
set -euo pipefail
cd "$(dirname "$0")/.."
dataset=$1 regime=$2
shift 2
PATH="$PWD/.venv/bin:$PATH"

first() { # of the files that exist
  for path in "$@"; do if [[ -e $path ]]; then echo "$path" && return; fi; done
  echo "$0: none of these is there: $* (set DATA; see: pointsam data layout --help)" >&2 && exit 2
}

case $dataset in
  nwpu)
    root=${DATA:-data/NWPU} train=train val=val
    train_images=$(first "$root/Images" "$root/positive image set") val_images=$train_images
    train_masks=$(first "$root"/Annotations/NWPU_inst*_train.json)
    val_masks=$(first "$root"/Annotations/NWPU_inst*_val.json) ;;
  whu)
    root=${DATA:-data/WHU} train=train val=val
    train_images=$root/images/train/image val_images=$root/images/val/image
    train_masks=$(first "$root/annotations/WHU_building_train.json")
    val_masks=$(first "$root/annotations/WHU_building_val.json") ;;
  hrsid)
    root=${DATA:-data/HRSID} train=inshore_train val=inshore_test
    train_images=$(first "$root/Images" "$root/JPEGImages") val_images=$train_images
    train_masks=$(first "$root/Annotations/inshore/inshore_train.json")
    val_masks=$(first "$root/Annotations/inshore/inshore_test.json") ;;
  *) echo "$0: no recipe for $dataset: nwpu, whu or hrsid" >&2 && exit 2 ;;
esac

points() { # of split $1 with masks $2, drawn where there are none: $n on and $n off each object
  local file=$root/Points/${dataset^^}_points_$1_$n.json
  [[ -e $file ]] ||
    pointsam points draw --annotations "$2" --positives "$n" --negatives "$n" --output "$file" >&2
  echo "$file"
}

masks=() # only the upper bound learns from masks
if [[ $regime == supervised ]]; then masks=(--annotations "$train_masks"); fi
for n in 1 2 3; do
  run=${RUNS:-runs}/${dataset}_${regime}_$n
  pointsam train --config "configs/$dataset.yaml" --regime "$regime" --images "$train_images" \
    --points "$(points $train "$train_masks")" "${masks[@]}" --output "$run" "$@"
  pointsam evaluate --images "$val_images" --annotations "$val_masks" \
    --points "$(points $val "$val_masks")" --adapter "$run" --precision float32 \
    --output "$run/scores"
done
