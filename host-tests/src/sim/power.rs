//! The states of the medium that a power cut may leave.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::{Change, Disk, Inode, Pending, SECTOR, Tree};

/// How a medium orders changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// Changes arrive in order; the last may be torn.
    InOrder,
    /// Names arrive in order, data and time stamps in any order: ext4 with journal and delayed allocation.
    Ordered,
    /// All that POSIX allows: each name, time stamp, file length and sector independently.
    Minimal,
}

impl Medium {
    /// From the strictest to the weakest ordering.
    pub const ALL: [Self; 3] = [Self::InOrder, Self::Ordered, Self::Minimal];
}

/// Up to this many combinations are explored exhaustively; larger spaces by their corners.
const WHOLE: usize = 256;

/// Passes every state that a power cut now may leave on the medium to `show`. Returns whether these were all states:
/// the contents of large files that are not synced are explored by their corners.
pub fn states(disk: &Disk, medium: Medium, show: &mut dyn FnMut(Tree)) -> bool {
    if medium == Medium::InOrder {
        in_order(disk, show);
        return true;
    }
    let (names, contents): (Vec<&Pending>, Vec<&Pending>) = disk.pending().iter().partition(|it| is_name(&it.change));
    let mut whole = true;
    let mut with_names = |chosen: &dyn Fn(usize) -> bool| {
        let mut tree = disk.medium().clone();
        let chosen = names.iter().enumerate().filter(|(index, _)| chosen(*index));
        chosen.for_each(|(_, pending)| tree.apply(&pending.change));
        whole &= with_contents(&tree, &contents, show);
    };
    match medium {
        // Changes dropped by a failed sync may be missing even if later names are present.
        Medium::Ordered => {
            for count in 0..=names.len() {
                with_names(&|index| index < count);
                if names[..count].iter().any(|name| name.forgotten) {
                    with_names(&|index| index < count && !names[index].forgotten);
                }
            }
        }
        _ => {
            (0_u32..1 << names.len().min(12)).for_each(|set| with_names(&|index| index >= 12 || set & 1 << index != 0))
        }
    }
    whole
}

fn is_name(change: &Change) -> bool {
    matches!(change, Change::Enter(..) | Change::Remove(..) | Change::Rename(..))
}

fn in_order(disk: &Disk, show: &mut dyn FnMut(Tree)) {
    let forgets = disk.pending().iter().any(|pending| pending.forgotten);
    for forgotten_too in [true, false] {
        if !forgotten_too && !forgets {
            return;
        }
        let mut tree = disk.medium().clone();
        show(tree.clone());
        for pending in disk.pending().iter().filter(|pending| forgotten_too || !pending.forgotten) {
            for piece in pieces(&pending.change) {
                tree.apply(&piece);
                show(tree.clone());
            }
        }
    }
}

/// Splits a change into independent parts.
fn pieces(change: &Change) -> Vec<Change> {
    let Change::Write(inode, at, bytes) = change else { return vec![change.clone()] };
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < bytes.len() {
        let to = ((at + from) / SECTOR * SECTOR + SECTOR - at).min(bytes.len());
        pieces.push(Change::Write(*inode, at + from, bytes[from..to].into()));
        from = to;
    }
    pieces
}

/// An atomic unit, with its successive states: any of them may be on the medium.
#[derive(Default)]
struct Choice {
    steps: Vec<Change>,
    length: Option<(Inode, usize)>,
}

impl Choice {
    fn count(&self) -> usize {
        self.steps.len() + usize::from(self.length.is_some()) + 1
    }

    fn make(&self, taken: usize, tree: &mut Tree) {
        match self.length {
            Some((inode, length)) if taken > 0 => tree.resize(inode, length),
            _ => self.steps[..taken].iter().for_each(|step| tree.apply(step)),
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Sector(Inode, usize),
    Length(Inode),
    Stamp(Inode),
}

fn with_contents(tree: &Tree, contents: &[&Pending], show: &mut dyn FnMut(Tree)) -> bool {
    let (mut read, mut in_the_making) = (BTreeSet::new(), BTreeSet::new());
    for (path, inode) in tree.files() {
        if path.contains('~') {
            in_the_making.insert(inode)
        } else {
            read.insert(inode)
        };
    }
    let mut choices: BTreeMap<Part, Choice> = BTreeMap::new();
    let mut unread = Vec::new();
    for pending in contents {
        match &pending.change {
            // Temporary files and files without a name are never read: all or nothing suffices.
            Change::Write(inode, ..) | Change::Stamp(inode, _) if !read.contains(inode) => {
                unread.extend(in_the_making.contains(inode).then_some(&pending.change));
            }
            Change::Write(inode, at, bytes) => {
                for piece in pieces(&pending.change) {
                    let Change::Write(_, at, _) = piece else { continue };
                    choices.entry(Part::Sector(*inode, at / SECTOR)).or_default().steps.push(piece);
                }
                let length = at + bytes.len();
                if tree.file(*inode).is_ok_and(|(data, _)| data.len() < length) {
                    choices.entry(Part::Length(*inode)).or_default().length = Some((*inode, length));
                }
            }
            change @ Change::Stamp(inode, _) => {
                choices.entry(Part::Stamp(*inode)).or_default().steps.push(change.clone())
            }
            _ => {}
        }
    }
    let choices: Vec<Choice> = choices.into_values().collect();
    let mut whole = true;
    for all_unread in if unread.is_empty() { &[false][..] } else { &[false, true][..] } {
        let mut tree = tree.clone();
        if *all_unread {
            unread.iter().for_each(|change| tree.apply(change));
        }
        whole &= products(&choices, &mut |taken| {
            let mut tree = tree.clone();
            // Lengths first, then the sectors within them.
            for is_length in [true, false] {
                for (choice, taken) in choices.iter().zip(taken).filter(|(it, _)| it.length.is_some() == is_length) {
                    choice.make(*taken, &mut tree);
                }
            }
            show(tree);
        });
    }
    whole
}

/// Every combination or, if the space is too large, its corners: none, all, all but one, only one, prefixes, and random
/// samples.
fn products(choices: &[Choice], show: &mut dyn FnMut(&[usize])) -> bool {
    let counts: Vec<usize> = choices.iter().map(Choice::count).collect();
    let last: Vec<usize> = counts.iter().map(|count| count - 1).collect();
    if counts.iter().try_fold(1_usize, |product, count| product.checked_mul(*count)).is_some_and(|all| all <= WHOLE) {
        let mut taken = vec![0; counts.len()];
        loop {
            show(&taken);
            let Some(next) = (0..taken.len()).find(|index| taken[*index] < last[*index]) else { return true };
            taken[next] += 1;
            taken[..next].fill(0);
        }
    }
    let none = vec![0; counts.len()];
    show(&none);
    show(&last);
    for index in 0..counts.len() {
        let (mut without, mut only, mut first) = (last.clone(), none.clone(), none.clone());
        without[index] = 0;
        only[index] = last[index];
        first[..=index].copy_from_slice(&last[..=index]);
        [without, only, first].iter().for_each(|taken| show(taken));
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..32 {
        let mut draw = |count: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % count as u64) as usize
        };
        show(&counts.iter().map(|count| draw(*count)).collect::<Vec<_>>());
    }
    false
}
