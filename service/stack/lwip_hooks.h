/* lwIP's hooks: routing by our own table, initial sequence numbers, a say in who may connect. The
 * functions are in lwip_glue.cc. */
#ifndef ZTSHIM_STACK_LWIP_HOOKS_H
#define ZTSHIM_STACK_LWIP_HOOKS_H

#include "lwip/err.h"
#include "lwip/ip6_addr.h"
#include "lwip/ip_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

struct netif;
struct pbuf;
struct tcp_pcb;
struct tcp_hdr;

int ztshim_lwip_arrives_on_loopback(const struct pbuf* p, struct netif* netif);
struct netif* ztshim_lwip_route4(const ip4_addr_t* source, const ip4_addr_t* destination);
const ip4_addr_t* ztshim_lwip_gateway4(struct netif* netif, const ip4_addr_t* destination);
struct netif* ztshim_lwip_route6(const ip6_addr_t* source, const ip6_addr_t* destination);
const ip6_addr_t* ztshim_lwip_gateway6(struct netif* netif, const ip6_addr_t* destination);
u8_t ztshim_lwip_same_link6(const ip6_addr_t* target, const ip6_addr_t* own);
u32_t ztshim_lwip_sequence_number(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote,
                                  u16_t remote_port);
err_t ztshim_lwip_may_enter(struct tcp_pcb* pcb, const struct tcp_hdr* header);

#ifdef __cplusplus
}
#endif

/* The loopback has no link layer and owns more addresses than lwIP can write down. */
#define LWIP_HOOK_IP4_INPUT(p, netif) \
  (((netif)->flags & NETIF_FLAG_ETHARP) == 0 ? ztshim_lwip_arrives_on_loopback(p, netif) : 0)
#define LWIP_HOOK_ETHARP_GET_GW(netif, destination) ztshim_lwip_gateway4(netif, destination)
#define LWIP_HOOK_IP6_ROUTE(source, destination) ztshim_lwip_route6(source, destination)
#define LWIP_HOOK_ND6_GET_GW(netif, destination) ztshim_lwip_gateway6(netif, destination)
/* lwIP gives every address of ours a /64 on the link, and solicits neighbours of the same /64 only.
 * Ours have the prefixes that the controller says (a 6PLANE network is a /40). */
#undef ip6_addr_net_eq
#define ip6_addr_net_eq(target, own) ztshim_lwip_same_link6(target, own)
/* Interface has looked already whether somebody wants what is sent to a group; without MLD lwIP
 * would take in the group of all nodes alone. */
#undef ip6_addr_isallnodes_iflocal
#define ip6_addr_isallnodes_iflocal(group) ip6_addr_ismulticast(group)
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) \
  ztshim_lwip_sequence_number(local, local_port, remote, remote_port)
/* Only listeners and TIME_WAIT have a question; everybody else takes the short way. */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, option_length, option_length_1, options_2, p) \
  (((pcb)->state == LISTEN || (pcb)->state == TIME_WAIT) ? ztshim_lwip_may_enter(pcb, header) \
                                                         : ERR_OK)

#endif
