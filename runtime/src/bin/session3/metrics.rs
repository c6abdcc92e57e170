//! The server's metrics, for Prometheus.
//!
//! None of them names a session, a user or an address. Labels come from fixed lists, so that neither a client nor a
//! component can add a time series.

use crate::manager_records::is_session;
use hyper::StatusCode;
use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use session_runtime::EventSink;
use session_runtime::bindings::exports::session3::sessions::session_store::{GarbageReport, Usage};
use session_runtime::events::{Event, Limit, Operation};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Upper bounds of the histograms, in seconds.
const TIMES: [f64; 14] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
const SUSPICIOUS: [&str; 3] = ["dead-id", "wrong-secret", "unknown-id"];
const CODES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];
const GARBAGE: [&str; 2] = ["expired", "abandoned"];

pub struct Metrics {
    registry: Registry,
    active: IntGauge,
    created: IntCounter,
    expired: IntCounter,
    destroyed: IntCounter,
    renewed: IntCounter,
    logins: IntCounter,
    logouts: IntCounter,
    conflicts: IntCounter,
    suspicious: IntCounterVec,
    corrupt: IntCounter,
    touch_failed: IntCounter,
    refused: IntCounterVec,
    lock_waits: Histogram,
    operations: HistogramVec,
    gc_lag: Gauge,
    gc_deleted: IntCounterVec,
    gc_repaired: IntCounter,
    requests: IntCounterVec,
    request_times: Histogram,
    /// The end of the last complete collection, or the start of the server before the first one.
    collected: Mutex<Instant>,
}

impl Metrics {
    pub fn new() -> Self {
        let to = Registry::new();
        Self {
            active: register(
                &to,
                IntGauge::new("session3_sessions_active", "Approximate number of sessions in the store."),
            ),
            created: counter(&to, "sessions_created", "New sessions."),
            expired: counter(&to, "sessions_expired", "Expired sessions deleted."),
            destroyed: counter(&to, "sessions_destroyed", "Sessions deleted by a logout, an administrator or a limit."),
            renewed: counter(&to, "session_ids_renewed", "Sessions that got a new id."),
            logins: counter(&to, "logins", "Logins."),
            logouts: counter(&to, "logouts", "Logouts."),
            conflicts: counter(
                &to,
                "conflicts",
                "Requests refused because another request had changed what they had read.",
            ),
            suspicious: counters(
                &to,
                "suspicious",
                "Cookies that do not open the session they name.",
                "kind",
                &SUSPICIOUS,
            ),
            corrupt: counter(&to, "corrupt", "Session files that could not be read."),
            touch_failed: counter(&to, "touch_failed", "Uses of sessions that could not be recorded."),
            refused: counters(&to, "refused", "Requests refused by a limit.", "limit", &Limit::ALL.map(Limit::name)),
            lock_waits: register(
                &to,
                Histogram::with_opts(times("session3_lock_wait_seconds", "Time until a lock is granted or refused.")),
            ),
            operations: operations(&to),
            gc_lag: register(
                &to,
                Gauge::new(
                    "session3_gc_lag_seconds",
                    "Time since the last complete garbage collection, or since the start.",
                ),
            ),
            gc_deleted: counters(
                &to,
                "gc_deleted",
                "Records and files deleted by this server's garbage collection.",
                "kind",
                &GARBAGE,
            ),
            gc_repaired: counter(&to, "gc_repaired", "Sessions added to the index of owners, where they were missing."),
            requests: counters(&to, "requests", "Requests by status of the response.", "code", &CODES),
            request_times: register(
                &to,
                Histogram::with_opts(times(
                    "session3_request_seconds",
                    "Time from a request to the head of its response.",
                )),
            ),
            collected: Mutex::new(Instant::now()),
            registry: to,
        }
    }

    /// All metrics in the text format of Prometheus.
    pub fn text(&self) -> prometheus::Result<String> {
        let collected = *self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        self.gc_lag.set(collected.elapsed().as_secs_f64());
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    pub fn request(&self, status: StatusCode, time: Duration) {
        let class = usize::from(status.as_u16() / 100);
        let code = class.checked_sub(1).and_then(|class| CODES[..5].get(class)).unwrap_or(&CODES[5]);
        self.requests.with_label_values(&[code]).inc();
        self.request_times.observe(time.as_secs_f64());
    }

    pub fn lock_wait(&self, time: Duration) {
        self.lock_waits.observe(time.as_secs_f64());
    }

    /// Set the number of sessions. Events update it until the next count.
    pub fn counted(&self, usage: &Usage) {
        self.active.set(usage.sessions.try_into().unwrap_or(i64::MAX));
    }

    /// Count the deletions of one step of a collection.
    pub fn deleted(&self, report: &GarbageReport) {
        self.gc_deleted.with_label_values(&["expired"]).inc_by(report.expired.into());
        self.gc_deleted.with_label_values(&["abandoned"]).inc_by(report.abandoned.into());
        self.gc_repaired.inc_by(report.repaired.into());
    }

    /// Record that a collection is complete.
    pub fn collected(&self) {
        *self.collected.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn count_suspicious(&self, kind: &str) {
        self.suspicious.with_label_values(&[kind]).inc();
    }
}

impl EventSink for Metrics {
    fn event(&self, session: Option<&str>, event: &Event) {
        match event {
            Event::Created | Event::Destroyed | Event::Expired if !session.is_none_or(is_session) => {}
            Event::Created => {
                self.created.inc();
                self.active.inc();
            }
            Event::Destroyed => {
                self.destroyed.inc();
                self.active.dec();
            }
            Event::Expired => {
                self.expired.inc();
                self.active.dec();
            }
            Event::Corrupt => self.corrupt.inc(),
            Event::Renewed(_) => self.renewed.inc(),
            Event::Login => self.logins.inc(),
            Event::Logout => self.logouts.inc(),
            Event::Conflict => self.conflicts.inc(),
            Event::DeadIdUsed => self.count_suspicious("dead-id"),
            Event::WrongSecret => self.count_suspicious("wrong-secret"),
            Event::UnknownId => self.count_suspicious("unknown-id"),
            Event::TouchFailed => self.touch_failed.inc(),
            Event::Refused(limit) => self.refused.with_label_values(&[limit.name()]).inc(),
        }
    }

    fn took(&self, operation: Operation, time: Duration) {
        self.operations.with_label_values(&[operation.name()]).observe(time.as_secs_f64());
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    register(registry, IntCounter::new(format!("session3_{name}_total"), help))
}

/// Registers all values of the label, so that each is exported before its first event.
fn counters(registry: &Registry, name: &str, help: &str, label: &str, values: &[&str]) -> IntCounterVec {
    let counters = IntCounterVec::new(Opts::new(format!("session3_{name}_total"), help), &[label]);
    let counters = register(registry, counters);
    for value in values {
        counters.with_label_values(&[value]);
    }
    counters
}

fn operations(registry: &Registry) -> HistogramVec {
    let options = times("session3_operation_seconds", "Latency of the manager's operations on the store.");
    let operations = register(registry, HistogramVec::new(options, &["operation"]));
    for operation in Operation::ALL {
        operations.with_label_values(&[operation.name()]);
    }
    operations
}

fn times(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(TIMES.into())
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, created: prometheus::Result<C>) -> C {
    let collector = created.expect("its name is valid");
    registry.register(Box::new(collector.clone())).expect("its name is new");
    collector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(metrics: &Metrics, line: &str) -> bool {
        metrics.text().unwrap().lines().any(|each| each == line)
    }

    #[test]
    fn all_metrics_exist_from_the_start() {
        let text = Metrics::new().text().unwrap();
        for line in [
            "session3_sessions_active 0",
            "session3_suspicious_total{kind=\"dead-id\"} 0",
            "session3_refused_total{limit=\"total-bytes\"} 0",
            "session3_operation_seconds_count{operation=\"rename\"} 0",
            "session3_requests_total{code=\"5xx\"} 0",
            "# TYPE session3_gc_lag_seconds gauge",
        ] {
            assert!(text.lines().any(|each| each == line), "{line}: {text}");
        }
        for line in text.lines().filter(|line| line.starts_with("# HELP")) {
            assert!(line.starts_with("# HELP session3_") && line.ends_with('.'), "{line}");
        }
    }

    #[test]
    fn events_update_the_number_of_sessions_between_counts() {
        let metrics = Metrics::new();
        metrics.counted(&Usage { sessions: 10, bytes: 0 });
        for event in [Event::Created, Event::Created, Event::Expired, Event::Corrupt, Event::Login] {
            metrics.event(Some("session-1"), &event);
        }
        assert!(has(&metrics, "session3_sessions_active 11"));
        metrics.counted(&Usage { sessions: 7, bytes: 0 });
        assert!(has(&metrics, "session3_sessions_active 7"));
    }

    #[test]
    fn manager_records_are_not_counted_as_sessions() {
        let metrics = Metrics::new();
        let kept = "old-0123456789abcdef0123456789abcdef";
        for event in [Event::Created, Event::Expired, Event::Created] {
            metrics.event(Some(kept), &event);
        }
        assert!(has(&metrics, "session3_sessions_active 0") && has(&metrics, "session3_sessions_created_total 0"));
    }

    #[test]
    fn no_metric_names_a_session() {
        let metrics = Metrics::new();
        metrics.event(Some("session-name"), &Event::Renewed("session-other".into()));
        metrics.event(Some("session-name"), &Event::WrongSecret);
        let text = metrics.text().unwrap();
        assert!(!text.contains("session-name") && !text.contains("session-other"), "{text}");
    }

    #[test]
    fn unknown_status_codes_are_counted() {
        let metrics = Metrics::new();
        for status in [100, 204, 599, 600, 999] {
            metrics.request(StatusCode::from_u16(status).unwrap(), Duration::ZERO);
        }
        for (code, count) in [("1xx", 1), ("2xx", 1), ("5xx", 1), ("other", 2)] {
            assert!(has(&metrics, &format!("session3_requests_total{{code=\"{code}\"}} {count}")), "{code}");
        }
    }
}
