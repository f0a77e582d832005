//! The pace of the whole lane: a token bucket that slows down when the provider says "too many".

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Requests may bunch up within this time; short enough that no provider counts finer.
const BURST: Duration = Duration::from_millis(100);
/// From the lowest to the full rate when no further 429 comes.
const RECOVERY: Duration = Duration::from_secs(60);
/// Several 429s within this time are answers to one burst and slow us down once.
const ONE_BURST: Duration = Duration::from_secs(1);
/// The rate never falls below this share of the ceiling: a lane must not die of being careful.
const LOWEST_SHARE: f64 = 1.0 / 64.0;

/// Shared by all requests to one provider.
#[derive(Debug)]
pub struct RateLimiter {
    ceiling_per_s: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the next request may go, were there no burst.
    next: Instant,
    paused_until: Option<Instant>,
    /// Share of the ceiling after the last 429, and when that was.
    slowed: Option<(f64, Instant)>,
}

/// The run is being stopped.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped;

impl RateLimiter {
    /// `ceiling_per_s` requests a second at most. A number that is not positive counts as "no ceiling".
    #[must_use]
    pub fn new(ceiling_per_s: f64) -> Self {
        Self {
            ceiling_per_s: if ceiling_per_s > 0.0 {
                ceiling_per_s
            } else {
                f64::INFINITY
            },
            state: Mutex::new(State {
                next: Instant::now(),
                paused_until: None,
                slowed: None,
            }),
        }
    }

    /// Waits for this request's turn.
    ///
    /// # Errors
    /// When `stop` fires first.
    pub async fn turn(&self, stop: &CancellationToken) -> Result<(), Stopped> {
        loop {
            if stop.is_cancelled() {
                return Err(Stopped);
            }
            let (until, taken) = self.reserve();
            if until > Instant::now() {
                tokio::select! {
                    () = stop.cancelled() => return Err(Stopped),
                    () = sleep_until(until) => {}
                }
            }
            // A pause may have begun while this request waited; then its turn is void.
            if taken && !self.is_paused() {
                return Ok(());
            }
        }
    }

    /// The next free turn (true), or the end of the pause (false).
    fn reserve(&self) -> (Instant, bool) {
        let now = Instant::now();
        let mut state = self.lock();
        if let Some(end) = state.paused_until {
            if end > now {
                return (end, false);
            }
            state.paused_until = None;
        }
        let interval = Duration::try_from_secs_f64(1.0 / self.rate(&state, now)).unwrap_or(RECOVERY);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let slot = state.next.max(earliest);
        state.next = slot + interval;
        (slot, true)
    }

    fn is_paused(&self) -> bool {
        self.lock().paused_until.is_some_and(|end| end > Instant::now())
    }

    /// The provider answered 429: half the rate, once for a burst of them.
    pub fn too_many(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.slowed.is_some_and(|(_, at)| now - at < ONE_BURST) {
            return;
        }
        let share = self.share(&state, now) / 2.0;
        state.slowed = Some((share.max(LOWEST_SHARE), now));
        // Turns saved up belong to the old rate.
        state.next = state.next.max(now);
    }

    /// Nobody sends for `delay`. Returns false when the lane rests that long already.
    pub fn pause(&self, delay: Duration) -> bool {
        let until = Instant::now() + delay;
        let mut state = self.lock();
        let longer = state.paused_until.is_none_or(|end| end < until);
        if longer {
            state.paused_until = Some(until);
            state.next = state.next.max(until);
        }
        longer
    }

    /// Requests a second at this moment.
    #[must_use]
    pub fn current_per_s(&self) -> f64 {
        self.rate(&self.lock(), Instant::now())
    }

    fn rate(&self, state: &State, now: Instant) -> f64 {
        self.ceiling_per_s.min(1e9) * self.share(state, now)
    }

    /// From the share after the last 429 back to 1, in a straight line.
    fn share(&self, state: &State, now: Instant) -> f64 {
        state.slowed.map_or(1.0, |(share, at)| {
            (share + (now - at).as_secs_f64() / RECOVERY.as_secs_f64()).min(1.0)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain numbers: a panic elsewhere cannot leave it half-made.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn seconds_for(limiter: &RateLimiter, requests: u32) -> f64 {
        let start = Instant::now();
        for _ in 0..requests {
            limiter.turn(&CancellationToken::new()).await.unwrap();
        }
        start.elapsed().as_secs_f64()
    }

    fn check(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() < 0.02 * expected + 0.01,
            "{actual} is not about {expected}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_the_rate() {
        check(seconds_for(&RateLimiter::new(10.0), 100).await, 9.9);
        check(seconds_for(&RateLimiter::new(0.5), 4).await, 6.0);
        check(seconds_for(&RateLimiter::new(0.0), 10_000).await, 0.0);
        check(seconds_for(&RateLimiter::new(f64::NAN), 10_000).await, 0.0);
        check(seconds_for(&RateLimiter::new(5000.0), 10_000).await, 2.0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_lane_saves_up_little() {
        let limiter = RateLimiter::new(100.0);
        tokio::time::advance(Duration::from_secs(60)).await;
        check(seconds_for(&limiter, 110).await, 0.99);
    }

    #[tokio::test(start_paused = true)]
    async fn halves_on_429_once_for_a_burst_and_recovers() {
        let limiter = RateLimiter::new(100.0);
        for _ in 0..8 {
            limiter.too_many();
        }
        check(limiter.current_per_s(), 50.0);
        tokio::time::advance(Duration::from_secs(15)).await;
        check(limiter.current_per_s(), 75.0);
        limiter.too_many();
        check(limiter.current_per_s(), 37.5);
        tokio::time::advance(Duration::from_secs(60)).await;
        check(limiter.current_per_s(), 100.0);
    }

    #[tokio::test(start_paused = true)]
    async fn never_stops_altogether() {
        let limiter = RateLimiter::new(64.0);
        for _ in 0..100 {
            limiter.too_many();
            tokio::time::advance(ONE_BURST).await;
        }
        assert!(limiter.current_per_s() >= 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody_also_those_who_wait() {
        let limiter = Arc::new(RateLimiter::new(1.0));
        let start = Instant::now();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.turn(&CancellationToken::new()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(limiter.pause(Duration::from_secs(30)));
        assert!(
            !limiter.pause(Duration::from_secs(10)),
            "a shorter pause changes nothing"
        );
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        // One went before the pause; the two others follow it, one second apart.
        assert!(start.elapsed() >= Duration::from_secs(31), "{:?}", start.elapsed());
        assert!(start.elapsed() <= Duration::from_secs(34), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn stops_at_once() {
        let limiter = Arc::new(RateLimiter::new(0.001));
        let stop = CancellationToken::new();
        limiter.turn(&stop).await.unwrap();
        let (other, waiter) = (limiter.clone(), stop.clone());
        let waiting = tokio::spawn(async move { other.turn(&waiter).await });
        tokio::task::yield_now().await;
        stop.cancel();
        assert_eq!(waiting.await.unwrap(), Err(Stopped));
        assert_eq!(limiter.turn(&stop).await, Err(Stopped));
    }
}
