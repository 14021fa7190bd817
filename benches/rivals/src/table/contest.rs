//! Who takes part in a row, and the race itself.

use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{load, memory};

/// One turn of ours: decodes or encodes once.
pub type OurTurn<'a> = Box<dyn FnMut() + Send + 'a>;
/// One turn of a rival; false where it refuses.
pub type Turn<'a> = Box<dyn FnMut() -> bool + 'a>;

/// Makes a context and what it writes to.
pub struct Maker<'a, T> {
    make: Box<dyn Fn() -> T + 'a>,
    /// Bytes of what is written to, which are not the context's.
    target_bytes: usize,
}

impl<'a> Maker<'a, OurTurn<'a>> {
    /// `make` makes all of ours.
    pub fn ours(target_bytes: usize, make: impl Fn() -> OurTurn<'a> + 'a) -> Self {
        Self {
            make: Box::new(make),
            target_bytes,
        }
    }
}

impl<'a> Maker<'a, Turn<'a>> {
    /// `make` makes all of a rival's.
    pub fn rival(target_bytes: usize, make: impl Fn() -> Turn<'a> + 'a) -> Self {
        Self {
            make: Box::new(make),
            target_bytes,
        }
    }
}

/// All who can do what a row is about.
pub struct Contest<'a> {
    /// Pixels or bytes that a turn is worth.
    pub amount: u64,
    /// Our own turn.
    pub ours: Maker<'a, OurTurn<'a>>,
    /// FreeRDP's.
    pub freerdp: Option<Maker<'a, Turn<'a>>>,
    /// Whether FreeRDP has threads of its own here.
    pub has_freerdp_threads: bool,
    /// IronRDP's.
    pub ironrdp: Option<Maker<'a, Turn<'a>>>,
    /// Whether memory is of interest.
    pub is_decoding: bool,
}

/// The medians of a race, and memory in bytes.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Ours on one thread, on two and on all cores.
    pub ours: [Duration; 3],
    /// FreeRDP on one core, and on all where it makes a difference.
    pub freerdp: [Option<Duration>; 2],
    /// IronRDP.
    pub ironrdp: Option<Duration>,
    /// Peak of our context.
    pub our_bytes: usize,
    /// What FreeRDP's context keeps.
    pub freerdp_bytes: Option<usize>,
    /// Peak of IronRDP's context.
    pub ironrdp_bytes: Option<usize>,
}

/// Rounds even where one of them takes longer than there is time for all.
const LEAST_ROUNDS: usize = 3;

/// Pools of threads, each of which stays on a core of its own.
pub struct Machine {
    pools: [ThreadPool; 3],
    all_cores: libc::cpu_set_t,
    one_core: libc::cpu_set_t,
}

impl Machine {
    /// Pools of one thread, of two, and of as many as there are cores.
    pub fn new() -> Self {
        // SAFETY: the sets are plain bits, and the calls fill them.
        let (all_cores, one_core) = unsafe {
            let mut all: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of_val(&all), &mut all);
            let last = (0..libc::CPU_SETSIZE as usize).rfind(|&core| libc::CPU_ISSET(core, &all));
            (all, only(last.unwrap_or(0)))
        };
        let cores: Vec<usize> = (0..libc::CPU_SETSIZE as usize)
            // SAFETY: each number lies in the set.
            .filter(|&core| unsafe { libc::CPU_ISSET(core, &all_cores) })
            .collect();
        // A core for each thread: the scheduler takes longer than a picture to part two that were
        // woken on one.
        let pool = |threads: usize| {
            let cores = cores.clone();
            ThreadPoolBuilder::new()
                .num_threads(threads)
                .start_handler(move |thread| move_to(&only(cores[thread % cores.len()])))
                .build()
                .expect("threads")
        };
        let one = ThreadPoolBuilder::new()
            .num_threads(1)
            .start_handler(move |_| move_to(&one_core));
        let one = one.build().expect("a thread");
        Self {
            pools: [one, pool(2), pool(cores.len())],
            all_cores,
            one_core,
        }
    }

    /// Runs `f` on one core. Threads that it starts stay there for good.
    fn on_one_core<T>(&self, f: impl FnOnce() -> T) -> T {
        move_to(&self.one_core);
        let result = f();
        move_to(&self.all_cores);
        result
    }

    /// Races for about the time of `budget`.
    pub fn race(&self, contest: &Contest<'_>, budget: Duration) -> Outcome {
        let mut outcome = Outcome::default();
        if contest.is_decoding {
            self.weigh(contest, &mut outcome);
        }
        let mut ours: [OurTurn<'_>; 3] = std::array::from_fn(|_| (contest.ours.make)());
        let make = |maker: &Maker<'_, _>| (maker.make)();
        let mut pinned = self.on_one_core(|| contest.freerdp.as_ref().map(make));
        let mut free = contest
            .freerdp
            .as_ref()
            .filter(|_| contest.has_freerdp_threads)
            .map(make);
        let mut ironrdp = contest.ironrdp.as_ref().map(make);

        // The first turn warms up, and tells who refuses.
        for (pool, turn) in self.pools.iter().zip(&mut ours) {
            pool.install(turn);
        }
        pinned = pinned.filter_map_turn();
        free = free.filter_map_turn();
        ironrdp = ironrdp.filter_map_turn();

        let [mut times_one, mut times_two, mut times_all] = <[Vec<Duration>; 3]>::default();
        let [mut times_pinned, mut times_free, mut times_iron] = <[Vec<Duration>; 3]>::default();
        let start = Instant::now();
        while times_one.len() < LEAST_ROUNDS || start.elapsed() < budget {
            let [one, two, all] = &mut ours;
            self.on_one_core(|| {
                times_one.push(cpu_time(|| self.pools[0].install(one)));
                if let Some(turn) = &mut pinned {
                    times_pinned.push(cpu_time(|| assert!(turn(), "it did before")));
                }
                if let Some(turn) = &mut ironrdp {
                    times_iron.push(cpu_time(|| assert!(turn(), "it did before")));
                }
            });
            times_two.push(self.pools[1].install(|| wall_time(two)));
            times_all.push(self.pools[2].install(|| wall_time(all)));
            if let Some(turn) = &mut free {
                times_free.push(wall_time(|| assert!(turn(), "it did before")));
            }
            // Threads that have nothing to do look for work for a moment, which is no time of the
            // next turn's.
            std::thread::sleep(Duration::from_millis(1));
        }
        let times = [
            times_one,
            times_two,
            times_all,
            times_pinned,
            times_free,
            times_iron,
        ];
        let [one, two, all, pinned, free, ironrdp] = times.map(median);
        outcome.ours = [one, two, all].map(Option::unwrap_or_default);
        outcome.freerdp = [pinned, free];
        outcome.ironrdp = ironrdp;
        outcome
    }

    /// Measures the memory of contexts that have decoded twice.
    fn weigh(&self, contest: &Contest<'_>, outcome: &mut Outcome) {
        let ours = memory::peak_bytes(|| {
            let mut turn = (contest.ours.make)();
            self.pools[0].install(|| (turn(), turn()));
        });
        outcome.our_bytes = ours.saturating_sub(contest.ours.target_bytes);
        outcome.freerdp_bytes = contest.freerdp.as_ref().and_then(|maker| {
            let ((_turn, is_done), kept) = memory::kept_bytes(|| {
                let mut turn = (maker.make)();
                let is_done = turn() && turn();
                (turn, is_done)
            });
            is_done.then(|| kept.saturating_sub(maker.target_bytes))
        });
        outcome.ironrdp_bytes = contest.ironrdp.as_ref().and_then(|maker| {
            let mut is_done = false;
            let peak = memory::peak_bytes(|| {
                let mut turn = (maker.make)();
                is_done = turn() && turn();
            });
            is_done.then(|| peak.saturating_sub(maker.target_bytes))
        });
    }
}

/// A turn that was taken once without being refused.
trait FilterTurn {
    fn filter_map_turn(self) -> Self;
}

impl FilterTurn for Option<Turn<'_>> {
    fn filter_map_turn(self) -> Self {
        self.and_then(|mut turn| turn().then_some(turn))
    }
}

fn only(core: usize) -> libc::cpu_set_t {
    // SAFETY: the set is plain bits, and the call sets one of them.
    unsafe {
        let mut cores: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut cores);
        cores
    }
}

fn move_to(cores: &libc::cpu_set_t) {
    // SAFETY: the set is as long as is told, and outlives the call.
    unsafe { libc::sched_setaffinity(0, size_of_val(cores), cores) };
}

fn wall_time(f: impl FnOnce()) -> Duration {
    let start = Instant::now();
    f();
    start.elapsed()
}

/// Processor time of all threads: on one core what a clock would say if nobody else were there.
fn cpu_time(f: impl FnOnce()) -> Duration {
    let start = load::own_time();
    f();
    load::own_time() - start
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}
