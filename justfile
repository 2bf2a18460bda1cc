# List the recipes
default:
    @just --list

# Build both programs, optimised
build:
    scripts/setup.sh
    cargo build --release

# Convert, check and show made-up data; names the pictures it made
demo:
    scripts/demo.sh

# Build sdtrain for CUDA and gather what it needs on a GPU machine
cuda *arguments:
    scripts/cuda-build.sh {{arguments}}

# Run a command with sdtrain built for CUDA and the processor standing in for the GPU
cuda-standin *command:
    scripts/cuda-standin.sh {{command}}

# All tests
test:
    scripts/test.sh

# Formatting, lints, documentation
lint:
    cargo fmt --check
    cargo clippy --all-targets --features teacher -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --lib --bins --examples --features teacher

# Exactly what must be green
ci:
    .ci/run

fmt:
    cargo fmt

doc:
    cargo doc --no-deps --open

# Ratios against the codec limit; writes nothing into the tree
bench:
    scripts/bench.sh

# Damage every parser's input N times (the default run of the tests is short)
mutate n="1000000":
    SEMDEPTH_MUTATIONS={{n}} cargo test --release --test mutation --test mutation_sets -- --nocapture
