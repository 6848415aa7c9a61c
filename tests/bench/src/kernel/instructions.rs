//! How many instructions the kernel executes: by the processor's own counter, where it has one that can be reached.

use anyhow::{Context as _, Result};
use perf_event::{
    Builder, Counter,
    events::{Event, Hardware},
};

/// A counter of what the calling thread executes inside the kernel; the packets that it sends and gets over a veth are
/// handled there, too. Virtual machines seldom have one.
pub(super) struct Instructions(Option<Counter>);

impl Instructions {
    /// A counter for the calling thread; one that counts nothing, and why, where there is none.
    pub(super) fn open() -> (Self, Option<String>) {
        match counter(Hardware::INSTRUCTIONS) {
            Ok(counter) => (Self(Some(counter)), None),
            Err(error) => (Self(None), Some(format!("{error:#}"))),
        }
    }

    /// Does `work`, which is `times` the same; returns what it returns, and the instructions of each, if they are
    /// counted.
    pub(super) fn of<T>(
        &mut self,
        times: u32,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(T, Option<f64>)> {
        let Some(counter) = &mut self.0 else {
            return Ok((work()?, None));
        };
        let before = counter.read().context("read the counter")?;
        let returned = work()?;
        let after = counter.read().context("read the counter")?;
        Ok((returned, Some((after - before) as f64 / f64::from(times))))
    }
}

/// A counter of the calling thread that runs, for what happens inside the kernel.
fn counter(event: impl Event) -> Result<Counter> {
    let mut counter = Builder::new(event)
        .exclude_kernel(false)
        .exclude_user(true)
        // Else it may count a part of the time only, and say nothing of that.
        .pinned(true)
        .build()
        .context("open a counter (perf_event_open)")?;
    counter.enable().context("start the counter")?;
    Ok(counter)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ::tests::skipped_without_root;
    use perf_event::events::Software;

    use super::*;

    #[test]
    fn what_the_kernel_does_for_a_thread_is_counted_and_divided() {
        // What happens inside the kernel is not everybody's to count.
        if skipped_without_root("what_the_kernel_does_for_a_thread_is_counted_and_divided") {
            return;
        }
        // Every machine counts a thread's time.
        let mut time = Instructions(Some(counter(Software::TASK_CLOCK).expect("a counter")));
        let mut each_of = |times| {
            let read = || {
                Ok((0..100)
                    .filter(|_| fs::read("/proc/self/maps").is_ok())
                    .count())
            };
            let (read, each) = time.of(times, read).expect("work");
            assert_eq!(read, 100);
            each.expect("a count")
        };
        let (all, each) = (each_of(1), each_of(100));
        assert!(each > 0.0 && each < all / 2.0, "{each} of {all}");
    }

    #[test]
    fn without_a_counter_the_work_is_done_all_the_same() {
        let (returned, each) = Instructions(None).of(7, || Ok(3)).expect("work");
        assert_eq!((returned, each), (3, None));
    }
}
