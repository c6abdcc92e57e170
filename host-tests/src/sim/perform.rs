//! Performing an operation through a client.

use session_conformance::bindings::Answer;

use super::client::Client;
use super::operations::{A, B, OWNER, Operation, contents};
use super::oracle::Model;

impl Operation {
    /// Do it. Answers a version, a count, whether there was one, or 0.
    pub fn perform(self, client: &mut Client, model: &Model) -> wasmtime::Result<Answer<u64>> {
        let id = model.subject(self);
        let other = if id == A { B } else { A };
        let nothing = |done: Answer<()>| done.map(|()| 0);
        Ok(match self {
            Self::Create => nothing(client.create(id, &contents(&model.next_data(id, self)))?),
            Self::Save | Self::Outgrow => {
                client.save(id, &contents(&model.next_data(id, self)), Some(model.version(id)))?
            }
            Self::Touch => nothing(client.touch(id)?),
            Self::Delete => client.delete(id)?.map(u64::from),
            Self::Rename => nothing(client.rename(id, other)?),
            Self::CollectGarbage => nothing(client.collect_garbage()?),
            Self::DeleteSessionsOf => client.delete_sessions_of(OWNER)?,
        })
    }
}
