#!/usr/bin/env bash
# Proves on a machine with a GPU what cannot be proven without one, in one command and in the folder that scripts/cuda-build.sh
# made (after install.sh):
#
#   ./gpu-check.sh [--device cuda:0] [--golden FOLDER] [--train SET --val SET] [--torch PYTHON] [--parts PARTS]
#       [--train-size ROWSxCOLUMNS] [--rounds N] [--quick] [OUT]
#
# OUT (usual: gpu-check) gets a log of each part and summary.txt. Golden values are checked when --golden names their folder,
# runs are compared when --train and --val name sets: 200 steps on both devices, a run that changes device twice, seconds a step
# and memory of dss-tiny and dss-base, and dss-tiny trained with and without NearFarMix, both at once, at 480x640 or at --train-size.
# --torch names a Python with PyTorch: the same networks are timed there too, in float32 and in TF32, and products in two forms.
# PyTorch's time is that of the round in the middle of --rounds (usual: 7).
# --parts "doctor operations golden steps times train" does some of these only.
# --quick shrinks everything, to try the script itself (also with --device cpu).
set -uo pipefail

device=cuda:0 golden='' train='' val='' torch='' quick='' parts='doctor operations golden steps times train' out=gpu-check
train_size=480x640 rounds=7
# there FOLDER FILE: the whole path of a folder that has such a file. Time on a GPU is too dear to miss it later.
there() { { [ -e "$1/$2" ] && realpath "$1"; } || { echo "there is no $2 in $1" >&2 && exit 2; }; }
while [ $# -gt 0 ]; do
    case "$1" in
    --device) device=$2 && shift 2 ;;
    --golden) golden=$(there "$2" nano_train.safetensors) || exit && shift 2 ;;
    --train) train=$(there "$2" zarr.json) || exit && shift 2 ;;
    --val) val=$(there "$2" zarr.json) || exit && shift 2 ;;
    --torch) torch=$2 && shift 2 ;;
    --parts) parts=$2 && shift 2 ;;
    --train-size) train_size=$2 && shift 2 ;;
    --rounds) rounds=$2 && shift 2 ;;
    --quick) quick=1 && shift ;;
    -*) echo "unknown option $1; see the head of $0" >&2 && exit 2 ;;
    *) out=$1 && shift ;;
    esac
done
here=$(cd "$(dirname "$0")" && pwd)
sdtrain=${SDTRAIN:-$here/sdtrain}
pytorch=$here/pytorch step_times=$here/step_times.py
[ -d "$pytorch" ] || pytorch=$here/../benches/pytorch step_times=$here/../benches/python/step_times.py
mkdir -p "$out"
cd "$out" || exit 3
: >summary.txt
failed=0

# asked PART: whether this part was asked for.
asked() { [[ " $parts " == *" $1 "* ]]; }
for name in $parts; do
    [[ $name =~ ^(doctor|operations|golden|steps|times|train)$ ]] || { echo "no part $name; see the head of $0" >&2 && exit 2; }
done

say() { echo "$*" | tee -a summary.txt; }

# part NAME COMMAND...: runs it with its output in NAME.log, says how it ended.
part() {
    local name=$1
    shift
    echo "== $name: $*"
    if "$@" >"$name.log" 2>&1; then say "ok      $name"; else
        say "FAILED  $name (see $out/$name.log)"
        failed=1
        return 1
    fi
}

# The total losses of a run, a line each.
losses() { sed -E 's/.*"total":([^,}]*).*/\1/' "$1/log.jsonl"; }

# compare A B LIMIT: largest relative difference of the losses of two runs.
compare() {
    paste <(losses "$1") <(losses "$2") | awk -v limit="$3" '
        { d = ($1 - $2) / $2; if (d < 0) d = -d; if (d > worst) { worst = d; at = NR - 1 } n++ }
        END { printf "%d steps, largest difference %.2e at step %d, allowed %s\n", n, worst, at, limit; exit !(n > 0 && worst <= limit) }'
}

# torch_step MODEL BATCH [tf32]: rounds of PyTorch; forward, step and memory of the one in the middle by the step.
torch_step() {
    local model=$1 batch=$2
    shift 2
    seq "$rounds" | "$torch" "$pytorch/step.py" "$model" "${big%x*}" "${big#*x}" "$batch" 8 "$device" "$@" >torch.rounds || return 1
    cat torch.rounds
    sort -g -k 2 torch.rounds | awk -v middle=$((rounds / 2 + 1)) 'NR == middle { printf "%.4f s forward, %.4f s a step, %.0f MiB\n", $1, $2, $3 }'
}

# stopped DEVICE RUN STEP ARGUMENTS...: trains, and interrupts the run once it has taken STEP steps.
stopped() {
    local device=$1 run=$2 step=$3
    shift 3
    "$sdtrain" "$@" --device "$device" --out "$run" &
    local process=$!
    while kill -0 $process 2>/dev/null && [ "$(wc -l <"$run/log.jsonl" 2>/dev/null || echo 0)" -lt "$step" ]; do sleep 0.1; done
    kill -INT $process 2>/dev/null
    wait $process
    [ $? -le 1 ]
}

asked doctor && part doctor "$sdtrain" doctor --device "$device"
if asked operations && [ -x "$here/operations" ]; then
    # As threads they would fill the memory with one device each.
    part operations "$here/operations" train:: --test-threads 1
fi
if asked golden && [ -n "$golden" ] && [ -x "$here/golden" ]; then
    part golden env SEMDEPTH_GOLDEN="$golden" SEMDEPTH_DEVICE="$device" "$here/golden" --test-threads 1
fi

size=192x256 steps=200 batches='1 4 8' big=480x640 models='dss-tiny dss-base' timed=12 long=2000
[ -n "$quick" ] && size=64x96 steps=12 batches='1 2' big=64x96 train_size=64x96 models=dss-nano timed=6 long=4

if asked steps && [ -n "$train" ] && [ -n "$val" ]; then
    nano=("$train" --val "$val" --model dss-nano --size $size --steps $steps --warmup 10 --seed 1 --quiet)
    part cpu-steps "$sdtrain" "${nano[@]}" --device cpu --out runs/cpu
    part gpu-steps "$sdtrain" "${nano[@]}" --device "$device" --out runs/gpu
    part same-losses compare runs/gpu runs/cpu 0.01
    say "        $(tail -n 1 same-losses.log)"
    # Begun on the CPU, continued on the GPU, finished on the CPU.
    part begun-on-cpu stopped cpu runs/moved $((steps / 3)) "${nano[@]}"
    part continued-on-gpu stopped "$device" runs/moved $((2 * steps / 3)) "${nano[@]}"
    part finished-on-cpu "$sdtrain" "${nano[@]}" --device cpu --out runs/moved
    part same-losses-when-moved compare runs/moved runs/cpu 0.01
    say "        $(tail -n 1 same-losses-when-moved.log)"
fi

if asked times && [ -n "$train" ]; then
    for model in $models; do
        for batch in $batches; do
            name=time-$model-$batch
            (while sleep 0.3; do nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits; done >"$name.memory" 2>/dev/null) &
            watch=$!
            part "$name" python3 "$step_times" "runs/$name" "$sdtrain" "$train" --model "$model" --size $big --batch "$batch" \
                --steps $timed --quiet --device "$device" --out "runs/$name"
            kill $watch
            say "        $(tail -n 1 "$name.log"), $(sort -n "$name.memory" | tail -n 1) MiB used"
            [ -n "$torch" ] || continue
            for precision in '' tf32; do
                name=torch-$model-$batch${precision:+-$precision}
                part "$name" torch_step "$model" "$batch" $precision
                say "        $(tail -n 1 "$name.log")"
            done
        done
    done
fi

if asked times && [ -n "$torch" ]; then
    part products "$torch" "$pytorch/products.py" "$device" && sed 's/^/        /' products.log | tee -a summary.txt
fi

if asked train && [ -n "$train" ] && [ -n "$val" ]; then
    tiny=dss-tiny
    [ -n "$quick" ] && tiny=dss-nano
    declare -A trained
    for mix in none nearfarmix=0.5; do
        arguments=()
        [ $mix != none ] && arguments=(--mix $mix)
        part "trained-$mix" "$sdtrain" "$train" --val "$val" --model $tiny --size "$train_size" --batch 4 --steps $long \
            --device "$device" --out "runs/trained-$mix" "${arguments[@]}" &
        trained[$mix]=$!
    done
    for mix in none nearfarmix=0.5; do
        # What a part sets in the background is not set here.
        wait "${trained[$mix]}" || failed=1
        say "        $mix: $(grep abs_rel "trained-$mix.log" | head -n 1)"
    done
fi
say "$([ $failed = 0 ] && echo all is well || echo something failed)"
exit $failed
