//! Each operation of a warm instance compared with its native equivalent: `cargo bench -p host-tests`.
//!
//! Criterion measures one after the other; the table at the end alternates between the two, so that noise on the
//! machine affects both. 1 KiB of data, on the disk with the target directory.

mod component;
mod native;

use std::env;
use std::time::Duration;

use criterion::Criterion;

use component::Component;
use native::Native;

/// A measured operation.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    Load,
    SaveRelaxed,
    SaveDurable,
    Touch,
    Create,
    Delete,
}

use Operation::*;

/// Each operation, its native equivalent, and the number of pairs in the table.
const OPERATIONS: [(Operation, &str, &str, usize); 6] = [
    (Load, "load", "open, read, close", 4000),
    (SaveRelaxed, "save relaxed", "open, write, close", 4000),
    (SaveDurable, "save durable", "open, write, fdatasync, close", 500),
    (Touch, "touch", "utimensat", 4000),
    (Create, "create", "create, write, fdatasync, rename, fsync of the directory", 200),
    (Delete, "delete", "unlink, fsync of the directory", 200),
];

fn main() {
    let mut component = Component::new();
    let mut native = Native::new(&component);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for (operation, name, ..) in OPERATIONS {
        let mut group = criterion.benchmark_group(name);
        group.bench_function("component", |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| component.time(operation)).sum());
        });
        group.bench_function("native", |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| native.time(operation)).sum());
        });
        group.finish();
    }
    criterion.final_summary();
    if env::args().any(|argument| argument == "--bench") {
        table(&mut component, &mut native);
    }
}

fn table(component: &mut Component, native: &mut Native) {
    println!("\nmedians of alternating measurements, microseconds; 1 KiB of data");
    println!("{:14} {:>10} {:>10} {:>7}   native is", "operation", "component", "native", "ratio");
    for (operation, name, system, pairs) in OPERATIONS {
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..pairs {
            floor.push(native.time(operation));
            ours.push(component.time(operation));
        }
        let (ours, floor) = (median(ours), median(floor));
        println!("{name:14} {ours:10.1} {floor:10.1} {:7.2}   {system}", ours / floor);
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
