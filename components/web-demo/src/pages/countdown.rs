//! Time that runs out, counting down in the browser without a script. The words say how much was left when the page was
//! made. `style.css` makes a clock of them, for how long it needs to be told: by a style sheet made for the page, as the
//! content security policy allows no styles in the page itself.

use alloc::{format, string::String, vec::Vec};

use maud::{Markup, html};

use crate::bindings::{Instant, Milliseconds};
use crate::failure::Failure;
use crate::http::{Request, Response};
use crate::time;

/// More than that is a matter of days, and stands still.
const LONGEST: u64 = 24 * 60 * 60;

/// The most clocks of a page that run.
const MOST: usize = 50;

/// The clocks of a page.
pub struct Countdowns {
    now: Instant,
    seconds: Vec<u64>,
}

impl Countdowns {
    pub fn new() -> Self {
        Self { now: time::now(), seconds: Vec::new() }
    }

    /// The time until then.
    pub fn until(&mut self, end: Instant) -> Markup {
        let left: Milliseconds = end.saturating_sub(self.now);
        let seconds = left.div_ceil(1000);
        if seconds > LONGEST || self.seconds.len() >= MOST {
            return html! { span { (time::span(left)) } };
        }
        self.seconds.push(seconds);
        html! { span.countdown.{ "left-" (seconds) } { span.words { (time::span(seconds * 1000)) } } }
    }

    /// The style sheet that makes them run.
    pub fn style(&self) -> Markup {
        let query: Vec<_> = self.seconds.iter().map(|seconds| format!("left={seconds}")).collect();
        html! { @if !query.is_empty() { link rel="stylesheet" href={ "/countdown.css?" (query.join("&")) }; } }
    }
}

pub fn style(request: &Request) -> Result<Response, Failure> {
    let seconds = request.parameters("left").into_iter().filter_map(|left| left.parse().ok());
    let rules: String = seconds
        .filter(|seconds: &u64| *seconds <= LONGEST)
        .take(MOST)
        .map(|seconds| format!(".left-{seconds} {{ --from: {seconds}; }}\n"))
        .collect();
    Ok(Response::file("text/css; charset=utf-8", &rules))
}
