//! Replies of a scripted server, and what is kept of them.

use hickory_resolver::proto::rr::Name;
use tokio::time::advance;

use super::*;
use crate::external::scripted::{Asked, Server, StoppedClock, address, cname, name, settle, soa};

const TARGET: &str = "db.example.com.";
const PATIENCE: Duration = Duration::from_secs(5);

/// What is kept when the server is asked for a target and this is done with the question.
async fn kept<Done: Future<Output = ()>>(
    query_type: RecordType,
    done: impl FnOnce(Asked) -> Done,
) -> Result<Reply, Failure> {
    let _clock = StoppedClock::stop();
    let mut server = Server::start().await;
    let service = DnsService::at(&[server.address], PATIENCE).unwrap();
    let question = Question {
        target: name(TARGET),
        query_type,
    };
    let (reply, ()) = tokio::join!(service.ask(&question), async {
        done(server.asked().await).await;
    });
    reply
}

fn texts(records: &[Record]) -> Vec<String> {
    let text = |record: &Record| {
        let owner = Name::to_ascii(&record.name);
        format!("{owner} {} {}", record.ttl, record.data)
    };
    records.iter().map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn a_question_is_a_plain_one_with_recursion_and_edns() {
    let reply = kept(RecordType::AAAA, async |asked: Asked| {
        assert_eq!(asked.text(), "db.example.com. AAAA");
        let message = &asked.message;
        assert!(message.recursion_desired && !message.checking_disabled);
        let edns = message.edns.as_ref().unwrap();
        assert_eq!((edns.version(), edns.max_payload()), (0, 1232));
        assert!(!edns.flags().dnssec_ok && edns.options().as_ref().is_empty());
        assert!(!asked.is_tcp());
        asked.answer(vec![address(TARGET, 60, "2001:db8::1")]).await;
    });
    assert_eq!(
        texts(&reply.await.unwrap().records),
        ["db.example.com. 60 2001:db8::1"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_kept_with_its_order_and_letter_case_for_its_shortest_ttl() {
    let reply = kept(RecordType::A, async |asked: Asked| {
        let records = vec![
            cname("DB.Example.com.", 300, "eu.CDN.example.net."),
            cname("eu.cdn.EXAMPLE.net.", 20, "Edge.example.net."),
            address("edge.example.NET.", 60, "192.0.2.9"),
            address("Edge.example.net.", 61, "192.0.2.1"),
        ];
        asked.answer(records).await;
    });
    let reply = reply.await.unwrap();
    assert_eq!(
        texts(&reply.records),
        [
            "DB.Example.com. 300 eu.CDN.example.net.",
            "eu.cdn.EXAMPLE.net. 20 Edge.example.net.",
            "edge.example.NET. 60 192.0.2.9",
            "Edge.example.net. 61 192.0.2.1"
        ]
    );
    assert_eq!(reply.lifetime, 20);
}

#[tokio::test(start_paused = true)]
async fn denials_are_kept_as_long_as_their_soa_says_and_at_most_half_a_minute() {
    for code in [ResponseCode::NXDomain, ResponseCode::NoError] {
        for (minimum, lifetime) in [(7, 7), (30, 30), (900, 30)] {
            let deny = async |asked: Asked| asked.deny(code, minimum).await;
            let reply = kept(RecordType::A, deny).await.unwrap();
            assert_eq!((reply.records, reply.lifetime), (Vec::new(), lifetime));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_leads_to_no_address_is_kept_as_long_as_chain_and_denial_hold() {
    for (code, ttl, authority, lifetime) in [
        (ResponseCode::NoError, 300, Some(9), 9),
        (ResponseCode::NXDomain, 8, Some(9), 8),
        (ResponseCode::NoError, 300, None, 30),
    ] {
        let reply = kept(RecordType::AAAA, async |asked: Asked| {
            let fill = |reply: &mut hickory_proto::op::Message| {
                reply.metadata.response_code = code;
                reply.answers = vec![cname(TARGET, ttl, "edge.example.net.")];
                reply.authorities = authority
                    .map(|minimum| soa(60, minimum))
                    .into_iter()
                    .collect();
            };
            asked.reply(fill).await;
        });
        let reply = reply.await.unwrap();
        assert_eq!((reply.records.len(), reply.lifetime), (1, lifetime));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_replies_that_say_nothing_of_the_name() {
    for code in [
        ResponseCode::ServFail,
        ResponseCode::Refused,
        ResponseCode::FormErr,
        ResponseCode::NotImp,
    ] {
        let reply = kept(RecordType::A, async |asked: Asked| {
            asked
                .reply(|reply| reply.metadata.response_code = code)
                .await;
        });
        assert_eq!(reply.await, Err(Failure::Code(code)));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_that_may_not_be_kept() {
    let denial = kept(RecordType::A, async |asked: Asked| {
        asked
            .reply(|reply| reply.metadata.response_code = ResponseCode::NXDomain)
            .await;
    });
    assert_eq!(denial.await, Err(Failure::Endless));
    let denial = async |asked: Asked| asked.deny(ResponseCode::NXDomain, 0).await;
    assert_eq!(kept(RecordType::A, denial).await, Err(Failure::Momentary));
    for ttl in [0, u32::MAX, 1 << 31] {
        let reply = kept(RecordType::A, async |asked: Asked| {
            asked.answer(vec![address(TARGET, ttl, "192.0.2.1")]).await;
        });
        assert_eq!(reply.await, Err(Failure::Momentary), "{ttl}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_an_answer_that_does_not_follow_from_the_question() {
    let one = || address(TARGET, 60, "192.0.2.1");
    let chain = || cname(TARGET, 60, "edge.example.net.");
    for (records, foreign) in [
        (
            vec![address("www.example.com.", 60, "192.0.2.1")],
            "www.example.com. A",
        ),
        (
            vec![address(TARGET, 60, "2001:db8::1")],
            "db.example.com. AAAA",
        ),
        (vec![chain(), one()], "db.example.com. A"),
        (vec![one(), chain()], "db.example.com. CNAME"),
        (vec![chain(), chain()], "db.example.com. CNAME"),
        (vec![one(), soa(60, 60)], "example.com. SOA"),
    ] {
        let reply = kept(RecordType::A, async |asked: Asked| {
            asked.answer(records).await
        });
        assert_eq!(reply.await, Err(Failure::Foreign(foreign.to_owned())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_another_question_is_not_taken() {
    let reply = kept(RecordType::A, async |asked: Asked| {
        asked
            .reply(|reply| {
                reply.queries[0].name = name("www.example.com.");
                reply.answers = vec![address(TARGET, 60, "192.0.2.1")];
            })
            .await;
        settle().await;
        advance(PATIENCE).await;
    });
    assert_eq!(reply.await, Err(Failure::Silence(PATIENCE)));
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_failure_after_a_while() {
    let reply = kept(RecordType::A, async |_asked| advance(PATIENCE).await);
    let failure = reply.await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the DNS service did not answer within 5 seconds"
    );
}

/// Asks with a reply that is cut over UDP, and over TCP too or not.
async fn kept_over_tcp(cut: bool) -> Result<Reply, Failure> {
    let _clock = StoppedClock::stop();
    let mut server = Server::start().await;
    let service = DnsService::at(&[server.address], PATIENCE).unwrap();
    let question = Question {
        target: name(TARGET),
        query_type: RecordType::A,
    };
    let (reply, ()) = tokio::join!(service.ask(&question), async {
        let asked = server.asked().await;
        assert!(!asked.is_tcp());
        let first = vec![address(TARGET, 60, "192.0.2.1")];
        asked
            .reply(|reply| {
                reply.metadata.truncation = true;
                reply.answers = first.clone();
            })
            .await;
        let asked = server.asked().await;
        assert!(asked.is_tcp());
        asked
            .reply(|reply| {
                reply.metadata.truncation = cut;
                reply.answers = first;
                reply.answers.push(address(TARGET, 60, "192.0.2.2"));
            })
            .await;
    });
    reply
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_cut_over_udp_is_asked_for_over_tcp() {
    assert_eq!(kept_over_tcp(false).await.unwrap().records.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_a_reply_that_is_cut_over_tcp_too() {
    assert_eq!(kept_over_tcp(true).await, Err(Failure::Truncated));
}

#[tokio::test]
async fn without_an_address_there_is_no_service() {
    assert!(DnsService::at(&[], PATIENCE).is_none());
}
