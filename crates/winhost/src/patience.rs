use std::time::{Duration, Instant};

/// How long a service that is on its way is waited for: as long as it makes progress, or says that the
/// next step takes its time.
///
/// Source: learn.microsoft.com, "Starting a Service" and "Stopping a Service".
#[derive(Debug)]
pub(crate) struct Patience {
    check_point: u32,
    since: Instant,
}

/// A service that gives no hint gets this long for one step. A CA that replays its logs gives hints.
const LEAST: Duration = Duration::from_secs(60);
/// A hint above this is not believed.
const MOST: Duration = Duration::from_secs(600);

impl Patience {
    pub(crate) fn new(now: Instant) -> Self {
        Self { check_point: 0, since: now }
    }

    /// How long to wait until the service is asked again; `None` when it has been stuck too long.
    pub(crate) fn next(&mut self, now: Instant, check_point: u32, hint: Duration) -> Option<Duration> {
        if check_point != self.check_point {
            (self.check_point, self.since) = (check_point, now);
        }
        let stuck = now.saturating_duration_since(self.since);
        let tenth = hint.checked_div(10).unwrap_or_default();
        (stuck <= hint.clamp(LEAST, MOST))
            .then(|| tenth.clamp(Duration::from_millis(100), Duration::from_secs(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_service_that_makes_progress_is_waited_for_without_end() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        for step in 1..1000 {
            assert!(patience.next(start + LEAST * step, step, SECOND).is_some(), "{step}");
        }
    }

    #[test]
    fn a_service_that_is_stuck_longer_than_its_hint_is_given_up() {
        let start = Instant::now();
        for (hint, limit) in [(SECOND, LEAST), (LEAST * 3, LEAST * 3), (MOST * 100, MOST)] {
            let mut patience = Patience::new(start);
            assert!(patience.next(start + SECOND, 1, hint).is_some());
            assert!(patience.next(start + SECOND + limit, 1, hint).is_some(), "{hint:?}");
            assert!(patience.next(start + SECOND * 2 + limit, 1, hint).is_none(), "{hint:?}");
        }
    }

    #[test]
    fn it_is_asked_every_tenth_of_its_hint_within_bounds() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        for (hint, wait) in [(0, 100), (5_000, 500), (500_000, 2_000)] {
            let next = patience.next(start, 0, Duration::from_millis(hint));
            assert_eq!(next, Some(Duration::from_millis(wait)));
        }
    }
}
