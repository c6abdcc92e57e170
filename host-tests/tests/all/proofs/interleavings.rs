//! Every operation in the middle of every other.

use host_tests::sim::interleave;
use host_tests::sim::script::Start;

use super::product;

#[test]
fn whatever_comes_in_between_there_is_an_order_that_explains_it() {
    for (start, durable) in [(Start::Fresh, true), (Start::Used, true), (Start::Used, false)] {
        let report = interleave::explore(&product(durable), start).unwrap();
        println!("{start:?}, durable {durable}: {report:?}");
    }
}
