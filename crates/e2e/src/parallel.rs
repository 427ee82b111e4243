//! Many requests at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` with 0, 1, 2, … up to `count`, from `threads` threads that each take the next number,
/// and returns the results in the order of the numbers.
///
/// # Panics
/// When a call does.
pub fn in_parallel<T: Send>(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new((0..count).map(|_| None).collect::<Vec<Option<T>>>());
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let result = work(number);
                    results.lock().expect("nothing panics in here")[number] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().expect("nothing panics in here");
    results.into_iter().map(|result| result.expect("each number was worked on")).collect()
}
