//! How faults are written in JSON.

/// Durations with their unit, as in `2ms 700us`.
pub mod duration {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// As serde has it.
    ///
    /// # Errors
    /// Those of the format.
    pub fn serialize<S: Serializer>(duration: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&humantime::format_duration(*duration))
    }

    /// As serde has it.
    ///
    /// # Errors
    /// If it is no duration with a unit.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(input)?;
        humantime::parse_duration(&text)
            .map_err(|error| D::Error::custom(format!("a duration as in 3ms is needed: {error}")))
    }
}

/// Operations by their names without `OP_`.
pub mod operation {
    use localefs_protocol::nfs4::OpNum;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::faults::operation_named;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    pub fn serialize<S: Serializer>(operation: &OpNum, out: S) -> Result<S::Ok, S::Error> {
        let name = operation.name().unwrap_or_default();
        out.serialize_str(name.strip_prefix("OP_").unwrap_or(name))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<OpNum, D::Error> {
        operation_named(&String::deserialize(input)?).map_err(D::Error::custom)
    }
}

/// Errors by their names.
pub mod status {
    use localefs_protocol::nfs4::Nfsstat4;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::faults::status_named;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    pub fn serialize<S: Serializer>(status: &Nfsstat4, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(status.name().unwrap_or_default())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Nfsstat4, D::Error> {
        status_named(&String::deserialize(input)?).map_err(D::Error::custom)
    }
}
