// Intrusive doubly linked list: the link lives in the element, so linking never allocates.
//
//     struct om_list head;               om_list_init(&head);
//     om_list_push(&head, &cam->link);   cam = OM_CONTAINER_OF(link, struct om_camera, link);

#pragma once

#include <stdbool.h>

#include "base/attr.h"

struct om_list {
    struct om_list *next, *prev;
};

static inline void om_list_init(struct om_list *head)
{
    head->next = head->prev = head;
}

static inline bool om_list_is_empty(const struct om_list *head)
{
    return head->next == head;
}

// Puts `link` at the end / at the front.
static inline void om_list_push(struct om_list *head, struct om_list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void om_list_push_front(struct om_list *head, struct om_list *link)
{
    om_list_push(head->next, link);
}

// Takes `link` out of the list it is in and leaves it empty, so that a second call does no harm.
static inline void om_list_remove(struct om_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    om_list_init(link);
}

#define om_list_first(head, type, member)                                                          \
    (om_list_is_empty(head) ? (type *)NULL : OM_CONTAINER_OF((head)->next, type, member))

// `it` may be removed (and freed) inside the loop.
#define om_list_each(it, head, type, member)                                                       \
    for (struct om_list *it##_at = (head)->next, *it##_after = it##_at->next; it##_at != (head);   \
         it##_at = it##_after, it##_after = it##_at->next)                                         \
        for (type *it = OM_CONTAINER_OF(it##_at, type, member); it; it = NULL)
