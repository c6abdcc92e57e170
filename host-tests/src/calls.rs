//! Observes which host functions an instance calls, and how often.
//!
//! The bindings of wasmtime-wasi open a `tracing` span for each call, which names the function. Functions without one,
//! the destructors, locks and events, are wrapped in such a span in the linker. [`watch`] is called for each span,
//! [`Calls`] counts them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DirectoryEntryStream, HostDescriptor, HostDirectoryEntryStream,
};

use session_conformance::bindings::advisory_locks::{Guard, Host, HostGuard, Mode};
use session_conformance::bindings::session_events;
use session_conformance::state::State;
use session_runtime::events::{Event as Told, Operation};
use session_runtime::{EventsView, LocksView};

/// Opens the same span as the generated bindings.
macro_rules! call {
    ($module:literal, $function:literal) => {
        tracing::trace_span!("wit-bindgen import", module = $module, function = $function)
    };
}

/// Counts the host calls of this thread by name, until dropped.
pub struct Calls {
    seen: Arc<Mutex<BTreeMap<String, u64>>>,
    _watch: Watch,
}

impl Calls {
    /// Starts counting.
    pub fn count() -> Self {
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let counted = seen.clone();
        let _watch = watch(move |name| *counted.lock().unwrap().entry(name.to_owned()).or_default() += 1);
        Self { seen, _watch }
    }

    /// Returns the calls, such as `types.[method]descriptor.read`, and resets the counts.
    pub fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// Watches until dropped.
pub struct Watch {
    _subscribed: DefaultGuard,
}

/// Runs a callback before each host call of this thread. The call waits for it.
pub fn watch(tell: impl Fn(&str) + Send + Sync + 'static) -> Watch {
    // With a single subscriber in the process, `tracing` caches the interest of the thread that reaches a callsite
    // first: if that thread has no subscriber, the callsite is disabled. A second subscriber prevents this.
    static BYSTANDER: OnceLock<Dispatch> = OnceLock::new();
    BYSTANDER.get_or_init(|| Dispatch::new(Watcher(|_: &str| {})));
    Watch { _subscribed: tracing::subscriber::set_default(Watcher(tell)) }
}

struct Watcher<F>(F);

impl<F: Fn(&str) + Send + Sync + 'static> Subscriber for Watcher<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "wit-bindgen import"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut name = Name::default();
        span.record(&mut name);
        (self.0)(&format!("{}.{}", name.module, name.function));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Name {
    module: String,
    function: String,
}

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "module" => self.module = value.into(),
            "function" => self.function = value.into(),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// Wraps the functions that open no span.
pub(crate) fn make_countable(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.resource("descriptor", ResourceType::host::<Descriptor>(), |mut cx, rep| {
        let _call = call!("types", "[drop]descriptor");
        HostDescriptor::drop(&mut cx.data_mut().filesystem(), Resource::new_own(rep))
    })?;
    types.resource("directory-entry-stream", ResourceType::host::<DirectoryEntryStream>(), |mut cx, rep| {
        let _call = call!("types", "[drop]directory-entry-stream");
        HostDirectoryEntryStream::drop(&mut cx.data_mut().filesystem(), Resource::new_own(rep))
    })?;
    let mut locks = linker.instance("session3:sessions/advisory-locks@0.2.0")?;
    locks.resource_async("guard", ResourceType::host::<Guard>(), |mut cx, rep| {
        let _call = call!("advisory-locks", "[drop]guard");
        Box::new(async move { HostGuard::drop(&mut cx.data_mut().locks(), Resource::new_own(rep)).await })
    })?;
    locks.func_wrap_async("acquire", |mut cx, (name, mode, timeout): (String, Mode, u32)| {
        let _call = call!("advisory-locks", "acquire");
        Box::new(async move { Ok((Host::acquire(&mut cx.data_mut().locks(), name, mode, timeout).await?,)) })
    })?;
    locks.func_wrap_async("scope", |mut cx, (): ()| {
        let _call = call!("advisory-locks", "scope");
        Box::new(async move { Ok((Host::scope(&mut cx.data_mut().locks()).await?,)) })
    })?;
    let mut events = linker.instance("session3:sessions/session-events@0.2.0")?;
    events.func_wrap("emit", |mut cx, (session, event): (Option<String>, Told)| {
        let _call = call!("session-events", "emit");
        session_events::Host::emit(cx.data_mut().events(), session, event)
    })?;
    events.func_wrap("begin", |mut cx, (operation,): (Operation,)| {
        let _call = call!("session-events", "begin");
        session_events::Host::begin(cx.data_mut().events(), operation)
    })?;
    events.func_wrap("end", |mut cx, (): ()| {
        let _call = call!("session-events", "end");
        session_events::Host::end(cx.data_mut().events())
    })
}
