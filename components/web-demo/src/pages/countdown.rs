//! Countdowns in the browser without a script. The text is the time left when the page was built. `style.css` turns it
//! into a clock, whose start value comes from a style sheet generated for the page, since the content security policy
//! allows no inline styles.

use alloc::{format, string::String, vec::Vec};

use maud::{Markup, html};

use crate::bindings::{Instant, Milliseconds};
use crate::failure::Failure;
use crate::request::Request;
use crate::response::Response;
use crate::time;

/// Longer times are shown in days, and do not count down.
const LONGEST: u64 = 24 * 60 * 60;

/// Maximum number of running clocks on a page.
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

    /// The time left.
    pub fn until(&mut self, end: Instant) -> Markup {
        let left: Milliseconds = end.saturating_sub(self.now);
        let seconds = left.div_ceil(1000);
        if seconds > LONGEST || self.seconds.len() >= MOST {
            return html! { span { (time::span(left)) } };
        }
        self.seconds.push(seconds);
        html! { span.countdown.{ "left-" (seconds) } { span.words { (time::span(seconds * 1000)) } } }
    }

    /// The style sheet that runs the clocks.
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
