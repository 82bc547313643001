# Every task, one line each. The logic is in deploy/local and .ci/run.

# The main job, shown as it goes: from an estimate to reconciled cash.
demo:
    cargo countersign demo

# Every test, on a real Postgres and NATS; arguments go to cargo test.
test *args:
    cargo countersign test {{args}}

# Start everything and stay.
up:
    cargo countersign up

# In containers: every deal, and every fault in the middle of one; arguments such as --only kill:nats.
e2e *args:
    cargo countersign e2e {{args}}

# The images on a machine without a registry.
images *args:
    deploy/images/offline {{args}}

# A bearer token for what `up` has started: just token --role operator
token *args:
    cargo countersign token {{args}}

# Play a deal file of yours.
play file *args:
    cargo countersign play {{file}} {{args}}

# What must pass before anything lands.
ci:
    .ci/run

# Write every file as rustfmt wants it.
fmt:
    cargo fmt --all

# Look at everything as CI does.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Figures, as ratios in one run.
bench:
    cargo countersign bench

# Every rule that is checked before AWS is called, as Markdown.
docs:
    cargo run --quiet --package countersign-offer -- rules
