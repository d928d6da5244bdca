#include "service/wire/verb.h"

namespace ztshim {

std::string_view name_of(Verb verb) {
  switch (verb) {
    case Verb::Nop:
      return "NOP";
    case Verb::Hello:
      return "HELLO";
    case Verb::Error:
      return "ERROR";
    case Verb::Ok:
      return "OK";
    case Verb::Whois:
      return "WHOIS";
    case Verb::Rendezvous:
      return "RENDEZVOUS";
    case Verb::Frame:
      return "FRAME";
    case Verb::ExtFrame:
      return "EXT_FRAME";
    case Verb::Echo:
      return "ECHO";
    case Verb::MulticastLike:
      return "MULTICAST_LIKE";
    case Verb::NetworkCredentials:
      return "NETWORK_CREDENTIALS";
    case Verb::NetworkConfigRequest:
      return "NETWORK_CONFIG_REQUEST";
    case Verb::NetworkConfig:
      return "NETWORK_CONFIG";
    case Verb::MulticastGather:
      return "MULTICAST_GATHER";
    case Verb::MulticastFrame:
      return "MULTICAST_FRAME";
    case Verb::PushDirectPaths:
      return "PUSH_DIRECT_PATHS";
    case Verb::Ack:
      return "ACK";
    case Verb::QosMeasurement:
      return "QOS_MEASUREMENT";
    case Verb::UserMessage:
      return "USER_MESSAGE";
    case Verb::RemoteTrace:
      return "REMOTE_TRACE";
    case Verb::PathNegotiationRequest:
      return "PATH_NEGOTIATION_REQUEST";
  }
  return "unknown verb";
}

}  // namespace ztshim
