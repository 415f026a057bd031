//! What holds for all values and for all octets: decoding undoes encoding, lengths are as
//! announced, short input is an error that says where, and nothing panics.

#[path = "support/mod.rs"]
mod support;
#[path = "support/values.rs"]
mod values;

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use localefs_protocol::nfs4::ops::{Dirlist4, Entry4, GetattrArgs, ReadResOk};
use localefs_protocol::nfs4::{
    Attr, Attributes, Bitmap4, CompoundHeader, CompoundResult, Fattr4, NfsArgop4, NfsResop4,
    Nfsstat4, OpInfo, OpNum, Stateid4,
};
use localefs_protocol::record::{
    Assembled, LAST_FRAGMENT, MARK_LENGTH, MAX_FRAGMENTS, RecordAssembler, RecordError,
    single_fragment_mark,
};
use localefs_protocol::rpc::{AuthSys, AuthSysError, Call, CallError, MAX_GIDS, ReplyHeader};
use localefs_protocol::xdr::{
    Counter, DecodeError, Encoder, Fault, Pack, Unpack, decode, packed_length,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use support::{CompoundCall, CompoundReply, MessageError};

/// Encodes `value` and checks that every account of its length agrees.
fn encoded<T: Pack<Vec<u8>> + Pack<Encoder> + Pack<Counter>>(value: &T) -> Vec<u8> {
    let mut octets = Vec::new();
    let announced = value.pack(&mut octets).expect("writing to memory");
    assert_eq!(announced, octets.len(), "what `pack` returns");
    assert_eq!(packed_length(value), octets.len(), "`packed_length`");
    assert_eq!(octets.len() % 4, 0, "XDR is in units of four octets");
    let mut encoder = Encoder::default();
    encoder.put(value);
    assert_eq!(encoder.len(), octets.len(), "`Encoder::len`");
    assert_eq!(encoder.to_bytes(), octets);
    octets
}

/// An error for input that was cut off at `cut` has to say what is missing and where.
fn assert_tells(error: DecodeError, cut: usize) {
    assert_eq!(error.fault, Fault::Short, "{error}");
    assert_ne!(error.field, "", "{error}");
    assert!(error.offset <= cut, "{error}, of {cut}");
}

/// Encodes `value`, decodes it again, whatever follows it, and all of its beginnings.
fn check<'a, T>(value: &T) -> Result<(), TestCaseError>
where
    T: Pack<Vec<u8>> + Pack<Encoder> + Pack<Counter> + Unpack<'a> + Debug + PartialEq,
{
    let octets = encoded(value);
    let length = octets.len();
    let followed: &'a [u8] = [&octets[..], b"\x80what follows"].concat().leak();
    let (again, rest) = decode::<T>(followed).expect("what was encoded");
    prop_assert_eq!(&again, value);
    prop_assert_eq!(rest, b"\x80what follows");
    for cut in 0..length {
        let error = decode::<T>(&followed[..cut]).expect_err("cut off");
        assert_tells(error, cut);
    }
    Ok(())
}

proptest! {
    #[test]
    fn arguments(value in values::argop()) {
        check(&value)?;
        // A dispatcher decodes the number by itself.
        let octets = encoded(&value);
        let (rest, again) =
            NfsArgop4::unpack_args(value.number(), &octets[4..]).expect("what was encoded");
        prop_assert_eq!(again, value);
        prop_assert_eq!(rest, b"");
    }

    #[test]
    fn results(value in values::resop()) {
        check(&value)?;
    }

    #[test]
    fn results_are_no_longer_than_the_table_says(value in values::own_resop()) {
        let row = OpInfo::of(value.number()).expect("a row of the table");
        let open_ended = [
            OpNum::OP_EXCHANGE_ID, OpNum::OP_GETATTR, OpNum::OP_READ, OpNum::OP_READDIR,
            OpNum::OP_READLINK, OpNum::OP_SECINFO, OpNum::OP_SECINFO_NO_NAME,
            OpNum::OP_TEST_STATEID,
        ];
        if !open_ended.contains(&row.number) {
            prop_assert!(packed_length(&value) <= row.max_reply, "{:?}", value);
        }
    }

    /// What the table calls the part that is always there, of results without an end.
    #[test]
    fn open_ended_results_are_as_long_as_what_is_in_them(octets in vec(any::<u8>(), 0..64)) {
        let read = |data: &[u8]| {
            packed_length(&NfsResop4::Read(Ok(ReadResOk { eof: true, data: data.into() })))
        };
        let row = OpInfo::of(OpNum::OP_READ).expect("a row of the table");
        prop_assert_eq!(read(b""), row.max_reply);
        prop_assert_eq!(read(&octets), row.max_reply + octets.len().next_multiple_of(4));
    }

    #[test]
    fn rpc_calls(value in values::rpc_call()) {
        let octets = encoded(&value);
        let (again, rest) = Call::decode(&octets).expect("what was encoded");
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(rest, b"");
        for cut in 0..octets.len() {
            match Call::decode(&octets[..cut]).expect_err("cut off") {
                // Without xid and message type there is nobody to tell.
                CallError::NotACall => prop_assert!(cut < 8),
                CallError::Truncated { xid, error } => {
                    prop_assert_eq!(xid, value.xid);
                    prop_assert!((8..24).contains(&cut));
                    assert_tells(error, cut);
                }
                CallError::BadCredential { xid, error } => {
                    prop_assert_eq!(xid, value.xid);
                    prop_assert!(cut >= 24);
                    assert_tells(error, cut);
                    prop_assert!(error.offset >= 24, "{} counts from the record's start", error);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn rpc_replies(xid in any::<u32>(), value in values::reply_header()) {
        let mut octets = Vec::new();
        prop_assert_eq!(value.pack(xid, &mut octets).expect("writing to memory"), octets.len());
        let (again, rest) = decode::<(u32, ReplyHeader)>(&octets).expect("what was encoded");
        prop_assert_eq!(again, (xid, value));
        prop_assert_eq!(rest, b"");
        for cut in 0..octets.len() {
            let error = decode::<(u32, ReplyHeader)>(&octets[..cut]).expect_err("cut off");
            assert_tells(error, cut);
        }
    }

    #[test]
    fn compound_headers(call in values::compound_header(), reply in values::compound_result()) {
        check::<CompoundHeader<'_>>(&call)?;
        check::<CompoundResult<'_>>(&reply)?;
    }

    #[test]
    fn auth_sys(value in values::auth_sys(), more in vec(any::<u8>(), 1..9)) {
        check(&value)?;
        let octets = encoded(&value);
        prop_assert_eq!(AuthSys::from_body(&octets), Ok(value));
        let longer = [&octets[..], &more].concat();
        prop_assert_eq!(AuthSys::from_body(&longer), Err(AuthSysError::Trailing(more.len())));
    }

    /// More than sixteen groups are refused, never cut.
    #[test]
    fn auth_sys_of_too_many_groups(
        value in values::auth_sys(),
        gids in vec(any::<u32>(), MAX_GIDS + 1..40),
    ) {
        let length = u32::try_from(gids.len()).expect("a small number");
        let octets = encoded(&AuthSys { gids: gids.into(), ..value });
        let Err(AuthSysError::Malformed(error)) = AuthSys::from_body(&octets) else {
            return Err(TestCaseError::fail("decoded"));
        };
        prop_assert_eq!(error.fault, Fault::TooLong { length, limit: MAX_GIDS });
        prop_assert_eq!(error.field, "gids");
    }

    #[test]
    fn attributes(value in values::attributes(), foreign in 0_u32..96) {
        let values = encoded(&value);
        let fattr = Fattr4 { attrmask: value.mask(), attr_vals: values[..].into() };
        prop_assert_eq!(Attributes::from_fattr4(&fattr), Ok(value.clone()));
        let whole = encoded(&fattr);
        prop_assert_eq!(Attributes::decode(&whole), Ok(value.clone()));

        // Each value is there for its bit, and each bit for its value.
        for cut in 0..values.len() {
            let short = Fattr4 { attr_vals: values[..cut].into(), ..fattr };
            prop_assert_eq!(Attributes::from_fattr4(&short), Err(Nfsstat4::NFS4ERR_BADXDR));
        }
        let longer = [&values[..], &[0; 4]].concat();
        let longer = Fattr4 { attr_vals: longer[..].into(), ..fattr };
        prop_assert_eq!(Attributes::from_fattr4(&longer), Err(Nfsstat4::NFS4ERR_BADXDR));
        if Attr(foreign).support().is_none() {
            let foreign = Fattr4 { attrmask: fattr.attrmask.with(Attr(foreign)), ..fattr };
            prop_assert_eq!(Attributes::from_fattr4(&foreign), Err(Nfsstat4::NFS4ERR_ATTRNOTSUPP));
        }
    }

    /// A set is what was put into it; what a sender appends without meaning comes back.
    #[test]
    fn bitmaps(numbers in vec(0_u32..96, 0..20), padding in 0_usize..3) {
        let set: Bitmap4 = numbers.iter().copied().map(Attr).collect();
        check(&GetattrArgs { attr_request: set })?;
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(set.iter().map(|attribute| attribute.0).collect::<Vec<_>>(), sorted);

        let words = encoded(&set).len() / 4 - 1;
        let length = (words + padding).min(3);
        let mut wire = encoded(&set);
        wire[3] = u8::try_from(length).expect("a small number");
        wire.resize(4 + 4 * length, 0);
        let (again, rest) = decode::<Bitmap4>(&wire).expect("a bitmap");
        prop_assert_eq!((again, rest), (set, &b""[..]));
        prop_assert_eq!(encoded(&again), wire);
    }

    #[test]
    fn directories(entries in vec(values::entry(), 0..6), eof in any::<bool>()) {
        let mut octets = Vec::new();
        for entry in &entries {
            let announced = Dirlist4::push(&mut octets, entry).expect("writing to memory");
            prop_assert_eq!(announced, 4 + packed_length(entry));
        }
        let list = Dirlist4 { entries: octets.leak(), eof };
        prop_assert_eq!(packed_length(&list), list.entries.len() + Dirlist4::EMPTY_LENGTH);
        check(&list)?;
        prop_assert_eq!(list.iter().collect::<Vec<Entry4<'_>>>(), entries);
    }
}

/// Each operation has a generator, so that none is forgotten above.
#[test]
fn every_operation_is_generated() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for info in OpInfo::TABLE {
        let value = values::argop_of(info.number)
            .new_tree(&mut runner)
            .expect("a value");
        assert_eq!(value.current().number(), info.number);
    }
}

#[test]
fn lengths_from_the_wire_are_checked_before_anything_is_made() {
    // Each claims more than its bound, or more than there is, and is short otherwise.
    let huge = u32::MAX.to_be_bytes();
    let bounded = 4096_u32.to_be_bytes();
    let (error, offset) = {
        let octets = [&OpNum::OP_TEST_STATEID.0.to_be_bytes()[..], &huge].concat();
        let error = decode::<NfsArgop4<'_>>(&octets).expect_err("too long");
        (error.fault, error.offset)
    };
    assert_eq!(
        (error, offset),
        (
            Fault::TooLong {
                length: u32::MAX,
                limit: 4096
            },
            4
        )
    );

    let octets = [
        &OpNum::OP_TEST_STATEID.0.to_be_bytes()[..],
        &bounded,
        &[0; 17],
    ]
    .concat();
    let error = decode::<NfsArgop4<'_>>(&octets).expect_err("too short");
    assert_tells(error, octets.len());

    let octets = [
        &OpNum::OP_PUTFH.0.to_be_bytes()[..],
        &129_u32.to_be_bytes(),
        &[0; 132],
    ]
    .concat();
    let error = decode::<NfsArgop4<'_>>(&octets).expect_err("too long");
    assert_eq!(
        error.fault,
        Fault::TooLong {
            length: 129,
            limit: 128
        }
    );
    assert_eq!((error.field, error.offset), ("object", 4));
}

#[test]
fn numbers_that_are_no_operation() {
    for number in [0, 1, 2, 59, 70, 10_044, u32::MAX] {
        let error = decode::<NfsArgop4<'_>>(&number.to_be_bytes()).expect_err("no operation");
        assert_eq!(error.fault, Fault::BadEnum(number));
    }
    let illegal = NfsResop4::Illegal(Err(Nfsstat4::NFS4ERR_OP_ILLEGAL));
    assert_eq!(encoded(&illegal), [0, 0, 0x27, 0x3c, 0, 0, 0x27, 0x3c]);
}

/// Booleans, enumerations and unions have no other values than theirs.
#[test]
fn values_that_do_not_exist() {
    // Each operation with arguments of zeros, but for one word at `offset` of the arguments.
    for (number, offset, bad, field) in [
        (OpNum::OP_RECLAIM_COMPLETE, 0, 2, "rca_one_fs"),
        (OpNum::OP_LOCKT, 0, 0, "locktype"),
        (OpNum::OP_LOCKT, 0, 5, "locktype"),
        (OpNum::OP_WRITE, 24, 3, "stable"),
        (OpNum::OP_CREATE, 0, 0, "objtype"),
        (OpNum::OP_CREATE, 0, 10, "objtype"),
        (OpNum::OP_OPEN, 24, 2, "openhow"),
        (OpNum::OP_OPEN, 28, 7, "claim"),
        (OpNum::OP_BIND_CONN_TO_SESSION, 16, 0, "bctsa_dir"),
        (OpNum::OP_BIND_CONN_TO_SESSION, 16, 4, "bctsa_dir"),
        (OpNum::OP_EXCHANGE_ID, 16, 3, "eia_state_protect"),
        (OpNum::OP_SECINFO_NO_NAME, 0, 2, "SECINFO_NO_NAME"),
        (OpNum::OP_LAYOUTRETURN, 12, 4, "lora_layoutreturn"),
        (OpNum::OP_SEQUENCE, 28, u32::MAX, "sa_cachethis"),
    ] {
        let mut octets = number.0.to_be_bytes().to_vec();
        octets.resize(100, 0);
        octets[4 + offset..8 + offset].copy_from_slice(&bad.to_be_bytes());
        let error = decode::<NfsArgop4<'_>>(&octets).expect_err("a value that does not exist");
        assert_eq!(
            (error.field, error.offset),
            (field, 4 + offset),
            "{number:?}"
        );
        assert!(matches!(error.fault, Fault::BadBool(word) | Fault::BadEnum(word) if word == bad));
    }
}

/// RFC 4506 wants zeros, but who sends something else is understood.
#[test]
fn padding_may_be_anything() {
    let octets = b"\0\0\0\x0f\0\0\0\x05abcde\xff\xff\xff";
    let (operation, rest) = decode::<NfsArgop4<'_>>(octets).expect("LOOKUP");
    assert_eq!(rest, b"");
    assert_eq!(encoded(&operation), b"\0\0\0\x0f\0\0\0\x05abcde\0\0\0");
    assert!(decode::<NfsArgop4<'_>>(&octets[..15]).is_err());
}

/// Decodes `octets` as everything that the crate decodes. What can be decoded means the same when
/// it is encoded and decoded again: what is lost is padding, and attributes that do not exist.
fn decode_everything(octets: &[u8]) {
    if let Ok(call) = CompoundCall::decode(octets) {
        let again = call.encode();
        assert_eq!(
            CompoundCall::decode(&again).map(|call| call.operations),
            Ok(call.operations)
        );
    }
    if let Ok(reply) = CompoundReply::decode(octets) {
        for result in &reply.results {
            if let NfsResop4::Getattr(Ok(ok)) = result {
                let _ = Attributes::from_fattr4(&ok.obj_attributes);
            }
            if let NfsResop4::Readdir(Ok(ok)) = result {
                let length: usize = ok.reply.iter().map(|entry| 4 + packed_length(&entry)).sum();
                assert!(length <= ok.reply.entries.len() || ok.reply.entries.is_empty());
            }
        }
        let again = reply.encode();
        assert_eq!(
            CompoundReply::decode(&again).map(|reply| reply.results),
            Ok(reply.results)
        );
    }
    if let Ok((operation, rest)) = decode::<NfsArgop4<'_>>(octets) {
        assert!(packed_length(&operation) + rest.len() <= octets.len() + 8);
    }
    if let Ok((rest, operation)) = octets
        .first()
        .map(|first| NfsArgop4::unpack_args(OpNum(u32::from(*first) % 64), &octets[1..]))
        .unwrap_or(Ok((octets, NfsArgop4::Getfh(()))))
    {
        assert!(rest.len() <= octets.len());
        assert!(OpInfo::of(operation.number()).is_some());
    }
    let _ = decode::<NfsResop4<'_>>(octets);
    let _ = AuthSys::from_body(octets);
    let _ = Attributes::decode(octets);
    let _ = decode::<Stateid4>(octets);
    let mut assembler = RecordAssembler::new(1 << 16);
    let mut input = BytesMut::from(octets);
    while let Ok(Assembled::Record(record)) = assembler.next(&mut input) {
        assert!(record.len() <= octets.len());
    }
}

/// Arbitrary octets; with a fuzzing engine this is a harness, without one it is a test.
#[test]
fn decoding_arbitrary_octets_never_panics() {
    bolero::check!().for_each(decode_everything);
}

/// The same behind a header that is well-formed, which arbitrary octets hardly ever get past.
#[test]
fn decoding_arbitrary_operations_never_panics() {
    let golden = support::pair("15-access");
    let call = golden.call;
    let reply = golden.reply;
    bolero::check!().for_each(|octets: &[u8]| {
        // Up to the number of operations; of the call also SEQUENCE.
        decode_everything(&[&call[..84], octets].concat());
        decode_everything(&[&reply[..36], octets].concat());
        for number in 0..60_u8 {
            decode_everything(&[&[0, 0, 0, number], octets].concat());
        }
    });
}

/// What happened to a captured message on its way.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Flip(Index, u8),
    Word(Index, u32),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

impl Damage {
    fn any() -> impl Strategy<Value = Self> {
        let interesting = prop::sample::select(vec![
            0_u32,
            1,
            2,
            3,
            4,
            31,
            32,
            127,
            128,
            129,
            400,
            401,
            1024,
            1025,
            4096,
            65_536,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_fffc,
            0xffff_fffd,
            0xffff_ffff,
        ]);
        let word = prop_oneof![interesting, any::<u32>(), 0_u32..64];
        prop_oneof![
            1 => any::<(Index, u8)>().prop_map(|(at, octet)| Self::Set(at, octet)),
            1 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Self::Flip(at, bit)),
            4 => (any::<Index>(), word).prop_map(|(at, word)| Self::Word(at, word)),
            1 => any::<Index>().prop_map(Self::Cut),
            1 => (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, more)| Self::Insert(at, more)),
            1 => (any::<Index>(), 1_usize..9).prop_map(|(at, length)| Self::Remove(at, length)),
            1 => (any::<Index>(), 1_usize..65).prop_map(|(at, length)| Self::Repeat(at, length)),
        ]
    }

    fn apply(&self, message: &mut Vec<u8>) {
        if message.is_empty() {
            return;
        }
        let length = message.len();
        match self {
            Self::Set(at, octet) => message[at.index(length)] = *octet,
            Self::Flip(at, bit) => message[at.index(length)] ^= 1 << bit,
            // Where XDR has its numbers.
            Self::Word(at, word) if length >= 4 => {
                let at = at.index(length / 4) * 4;
                message[at..at + 4].copy_from_slice(&word.to_be_bytes());
            }
            Self::Word(..) => {}
            Self::Cut(at) => message.truncate(at.index(length)),
            Self::Insert(at, more) => {
                let at = at.index(length);
                message.splice(at..at, more.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(length);
                message.drain(at..length.min(at + count));
            }
            Self::Repeat(at, count) => {
                let at = at.index(length);
                let part = message[at..length.min(at + count)].to_vec();
                message.splice(at..at, part);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn decoding_damaged_messages_never_panics(
        which in any::<Index>(),
        reply in any::<bool>(),
        damage in vec(Damage::any(), 1..4),
    ) {
        thread_local! {
            static PAIRS: Vec<support::Pair> = support::pairs();
        }
        PAIRS.with(|pairs| {
            let pair = which.get(pairs);
            let mut message = if reply { pair.reply.clone() } else { pair.call.clone() };
            for damage in &damage {
                damage.apply(&mut message);
            }
            decode_everything(&message);
        });
    }
}

/// Every beginning of every captured message is an error that says where.
#[test]
fn captured_messages_cut_off_anywhere() {
    fn tells(error: MessageError, cut: usize, name: &str) {
        match error {
            MessageError::Call(CallError::NotACall) => assert!(cut < 8, "{name}"),
            MessageError::Call(
                CallError::Truncated { error, .. } | CallError::BadCredential { error, .. },
            )
            | MessageError::Reply(error)
            | MessageError::Compound(error)
            | MessageError::Operation(_, error) => assert_tells(error, cut),
            MessageError::Call(other) => panic!("{name} at {cut}: {other}"),
        }
    }
    for pair in support::calls() {
        for cut in 0..pair.call.len() {
            let error = CompoundCall::decode(&pair.call[..cut]).expect_err("cut off");
            tells(error, cut, &pair.name);
        }
    }
    for pair in support::replies() {
        for cut in 0..pair.reply.len() {
            let error = CompoundReply::decode(&pair.reply[..cut]).expect_err("cut off");
            tells(error, cut, &pair.name);
        }
    }
}

/// What an [`Encoder`] is asked to do.
#[derive(Clone, Debug)]
enum Step {
    Word(u32),
    Encoded(Vec<u8>),
    Payload(Vec<u8>),
    Mark,
    CutBack,
    Overwrite(Index, u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<u32>().prop_map(Step::Word),
        1 => vec(any::<u8>(), 0..5).prop_map(|words| Step::Encoded(words.repeat(4))),
        3 => vec(any::<u8>(), 0..12).prop_map(Step::Payload),
        2 => Just(Step::Mark),
        1 => Just(Step::CutBack),
        1 => (any::<Index>(), any::<u32>()).prop_map(|(at, word)| Step::Overwrite(at, word)),
    ]
}

proptest! {
    /// An [`Encoder`] with its segments, marks and later corrections is a plain buffer.
    #[test]
    fn encoders(steps in vec(step(), 0..40)) {
        let mut encoder = Encoder::with_capacity(16);
        let mut plain: Vec<u8> = Vec::new();
        let mut marks = Vec::new();
        // Only words that were written before any payload may be overwritten.
        let mut head = None;
        for step in steps {
            match step {
                Step::Word(word) => {
                    encoder.put(&word);
                    plain.extend(word.to_be_bytes());
                }
                Step::Encoded(octets) => {
                    encoder.put_encoded(&octets);
                    plain.extend(octets);
                }
                Step::Payload(octets) => {
                    let length = u32::try_from(octets.len()).expect("a small number");
                    plain.extend(length.to_be_bytes());
                    if !octets.is_empty() {
                        head.get_or_insert(plain.len());
                    }
                    plain.extend(&octets);
                    plain.resize(plain.len().next_multiple_of(4), 0);
                    encoder.put_payload(Bytes::from(octets));
                }
                Step::Mark => marks.push((encoder.mark(), plain.len())),
                Step::CutBack => {
                    if let Some((mark, length)) = marks.pop() {
                        encoder.cut_back(mark);
                        plain.truncate(length);
                        head = head.filter(|head| *head <= length);
                    }
                }
                Step::Overwrite(at, word) => {
                    let words = head.unwrap_or(plain.len()) / 4;
                    if words > 0 {
                        let at = at.index(words) * 4;
                        encoder.overwrite_u32(at, word);
                        plain[at..at + 4].copy_from_slice(&word.to_be_bytes());
                    }
                }
            }
            prop_assert_eq!(encoder.len(), plain.len());
            prop_assert_eq!(encoder.is_empty(), plain.is_empty());
            prop_assert_eq!(&encoder.to_bytes()[..], &plain[..]);
        }
        prop_assert_eq!(encoder.into_segments().concat(), plain);
    }

    /// READ data that is passed on looks as if it had been packed.
    #[test]
    fn payloads(data in vec(any::<u8>(), 0..5000), eof in any::<bool>()) {
        let mut encoder = Encoder::default();
        encoder.put(&OpNum::OP_READ);
        encoder.put(&Nfsstat4::NFS4_OK);
        encoder.put(&eof);
        let payload = Bytes::from(data.clone());
        encoder.put_payload(payload.clone());
        let packed = encoded(&NfsResop4::Read(Ok(ReadResOk { eof, data: data[..].into() })));
        prop_assert_eq!(&encoder.to_bytes()[..], &packed[..]);
        // It is the same memory.
        let segments = encoder.into_segments();
        let shared = segments.iter().any(|segment| segment.as_ptr() == payload.as_ptr());
        prop_assert!(payload.is_empty() || shared);
    }
}

/// A record in fragments that end at `ends`, which rise; one may be empty.
fn fragmented(record: &[u8], ends: &[usize]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut start = 0;
    for end in ends {
        let length = u32::try_from(end - start).expect("a small number");
        stream.extend(length.to_be_bytes());
        stream.extend(&record[start..*end]);
        start = *end;
    }
    let last = u32::try_from(record.len() - start).expect("a small number");
    stream.extend(single_fragment_mark(last));
    stream.extend(&record[start..]);
    stream
}

/// Feeds `stream` in pieces that end at `cuts`, which rise, and returns the records.
fn assemble(
    assembler: &mut RecordAssembler,
    stream: &[u8],
    cuts: &[usize],
) -> Result<Vec<Bytes>, RecordError> {
    let mut records = Vec::new();
    let mut input = BytesMut::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([stream.len()]) {
        input.extend_from_slice(&stream[start..end]);
        start = end;
        loop {
            match assembler.next(&mut input)? {
                Assembled::Record(record) => records.push(record),
                Assembled::Need(octets) => {
                    assert!(octets > 0, "nothing is needed, and nothing is there");
                    break;
                }
            }
        }
    }
    assert!(input.is_empty(), "{} octets are left", input.len());
    Ok(records)
}

fn rising(places: &[Index], length: usize) -> Vec<usize> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(length + 1)).collect();
    places.sort_unstable();
    places
}

#[test]
fn a_record_in_two_fragments_cut_anywhere() {
    let record = support::pair("24-open-create").call;
    for end in 0..=record.len() {
        let stream = fragmented(&record, &[end]);
        let mut assembler = RecordAssembler::new(record.len());
        assert_eq!(
            assemble(&mut assembler, &stream, &[]),
            Ok(vec![Bytes::from(record.clone())])
        );
        assert_eq!(assembler.held(), 0);
    }
}

#[test]
fn a_record_that_arrives_in_two_pieces_cut_anywhere() {
    let record = support::pair("24-open-create").call;
    let stream = fragmented(&record, &[7, 7, 200]);
    for cut in 0..=stream.len() {
        let mut assembler = RecordAssembler::new(record.len());
        let records = assemble(&mut assembler, &stream, &[cut]);
        assert_eq!(records, Ok(vec![Bytes::from(record.clone())]));
    }
}

#[test]
fn a_record_in_fragments_of_one_octet_that_arrive_one_by_one() {
    let record = support::pair("24-open-create").call;
    let stream = fragmented(&record, &(0..record.len()).collect::<Vec<_>>());
    let mut assembler = RecordAssembler::new(record.len());
    let records = assemble(
        &mut assembler,
        &stream,
        &(0..stream.len()).collect::<Vec<_>>(),
    );
    assert_eq!(records, Ok(vec![Bytes::from(record)]));
}

proptest! {
    /// However records are fragmented and however the stream arrives, the records are the same.
    #[test]
    fn fragmentation_changes_nothing(
        records in vec((vec(any::<u8>(), 0..100), vec(any::<Index>(), 0..6)), 0..6),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let stream: Vec<u8> = records
            .iter()
            .flat_map(|(record, ends)| fragmented(record, &rising(ends, record.len())))
            .collect();
        let mut assembler = RecordAssembler::new(100);
        let found = assemble(&mut assembler, &stream, &rising(&cuts, stream.len()));
        let expected: Vec<Bytes> =
            records.into_iter().map(|(record, _)| Bytes::from(record)).collect();
        prop_assert_eq!(found, Ok(expected));
    }

    /// What is needed is needed: with less there is no progress, with it there is some.
    #[test]
    fn need_is_exact(record in vec(any::<u8>(), 0..50), ends in vec(any::<Index>(), 0..4)) {
        let stream = fragmented(&record, &rising(&ends, record.len()));
        let mut assembler = RecordAssembler::new(record.len());
        let mut input = BytesMut::new();
        let mut rest = &stream[..];
        loop {
            match assembler.next(&mut input).expect("a good stream") {
                Assembled::Record(found) => {
                    prop_assert_eq!(&found[..], &record[..]);
                    prop_assert_eq!(rest, b"");
                    break;
                }
                Assembled::Need(octets) => {
                    prop_assert!(octets <= rest.len(), "{} needed of {}", octets, rest.len());
                    let (now, later) = rest.split_at(octets);
                    input.extend_from_slice(now);
                    rest = later;
                }
            }
        }
    }

    /// A mark that announces too much is an error at once, whatever came before it, and before
    /// what it announces.
    #[test]
    fn oversize(held in 0_usize..100, more in 1_u32..0x7fff_ff00, last in any::<bool>()) {
        let limit = 100;
        let mut assembler = RecordAssembler::new(limit);
        let first = u32::try_from(held).expect("a small number");
        let second = u32::try_from(limit - held).expect("a small number") + more;
        let flag = if last { LAST_FRAGMENT } else { 0 };
        let mut input = BytesMut::new();
        input.extend_from_slice(&first.to_be_bytes());
        input.extend_from_slice(&vec![0; held]);
        prop_assert_eq!(assembler.next(&mut input), Ok(Assembled::Need(MARK_LENGTH)));
        prop_assert_eq!(assembler.held(), held);
        input.extend_from_slice(&(flag | second).to_be_bytes());
        let announced = limit + more as usize;
        prop_assert_eq!(
            assembler.next(&mut input),
            Err(RecordError::TooLong { announced, limit })
        );
    }
}

#[test]
fn records_of_the_longest_length_and_of_none() {
    let mut assembler = RecordAssembler::new(8);
    let mut input = BytesMut::from(&b"\x80\0\0\x08abcdefgh\x80\0\0\0\x80\0\0\x09"[..]);
    assert_eq!(
        assembler.next(&mut input),
        Ok(Assembled::Record(Bytes::from_static(b"abcdefgh")))
    );
    assert_eq!(
        assembler.next(&mut input),
        Ok(Assembled::Record(Bytes::new()))
    );
    assert_eq!(
        assembler.next(&mut input),
        Err(RecordError::TooLong {
            announced: 9,
            limit: 8
        })
    );
}

/// Fragments without octets are legal, take no memory, and cannot go on for ever.
#[test]
fn empty_fragments_are_bounded() {
    let mut assembler = RecordAssembler::new(1000);
    let mut input = BytesMut::from(&[0; 4 * 1000][..]);
    input.extend_from_slice(b"\x80\0\0\x02ab");
    assert_eq!(
        assembler.next(&mut input),
        Ok(Assembled::Record(Bytes::from_static(b"ab")))
    );

    // The count starts anew with each record.
    for _ in 0..3 {
        let mut input = BytesMut::from(&vec![0; 4 * (MAX_FRAGMENTS - 1)][..]);
        assert_eq!(assembler.next(&mut input), Ok(Assembled::Need(MARK_LENGTH)));
        assert_eq!(assembler.held(), 0);
        input.extend_from_slice(b"\x80\0\0\0");
        assert_eq!(
            assembler.next(&mut input),
            Ok(Assembled::Record(Bytes::new()))
        );
    }

    let mut input = BytesMut::from(&vec![0; 4 * (MAX_FRAGMENTS + 1)][..]);
    assert_eq!(
        assembler.next(&mut input),
        Err(RecordError::TooManyFragments)
    );
}

/// A record of a single fragment is not copied.
#[test]
fn a_single_fragment_shares_the_memory_of_the_input() {
    let mut input = BytesMut::from(&b"\x80\0\0\x08abcdefgh"[..]);
    let place = input[MARK_LENGTH..].as_ptr();
    let mut assembler = RecordAssembler::new(8);
    let Ok(Assembled::Record(record)) = assembler.next(&mut input) else {
        panic!("no record")
    };
    assert_eq!(record.as_ptr(), place);
}
