#include "net/head.h"

#include "base/assert.h"
#include "base/mem.h"

void om_head_init(struct om_head *head, size_t bytes_max, int count_max)
{
    *head = (struct om_head){.count_max = count_max};
    om_buf_init(&head->text, OM_MIN(bytes_max, (size_t)UINT32_MAX / 2));
}

void om_head_finish(struct om_head *head)
{
    om_buf_finish(&head->text);
    om_free(head->fields);
    *head = (struct om_head){0};
}

static bool is_too_long(struct om_head *head)
{
    head->is_too_long = true;
    return false;
}

static bool start_field(struct om_head *head)
{
    if (head->count >= head->count_max)
        return is_too_long(head);
    if (head->count == head->cap) {
        head->cap = OM_MIN(OM_MAX(head->cap * 2, 8), head->count_max);
        head->fields = om_realloc(head->fields, (size_t)head->cap, sizeof(*head->fields));
    }
    uint32_t at = (uint32_t)head->text.len;
    head->fields[head->count++] = (struct om_field){.name_at = at, .value_at = at};
    head->is_in_name = true;
    return true;
}

static bool append(struct om_head *head, om_str piece)
{
    om_buf_append_str(&head->text, piece);
    return head->text.has_failed ? is_too_long(head) : true;
}

bool om_head_add_name(struct om_head *head, om_str piece)
{
    if (head->is_too_long || (!head->is_in_name && !start_field(head)))
        return false;
    size_t from = head->text.len;
    if (!append(head, piece))
        return false;
    for (size_t i = from; i < head->text.len; i++) {
        char c = head->text.data[i];
        if (c >= 'A' && c <= 'Z')
            head->text.data[i] = (char)(c - 'A' + 'a');
    }
    struct om_field *field = &head->fields[head->count - 1];
    field->name_n += (uint32_t)piece.n;
    field->value_at = (uint32_t)head->text.len;
    return true;
}

bool om_head_add_value(struct om_head *head, om_str piece)
{
    if (head->is_too_long || head->count == 0 || !append(head, piece))
        return false;
    head->is_in_name = false;
    head->fields[head->count - 1].value_n += (uint32_t)piece.n;
    return true;
}

bool om_head_add(struct om_head *head, om_str name, om_str value)
{
    return om_head_add_name(head, name) && om_head_add_value(head, value);
}

void om_head_at(const struct om_head *head, int i, om_str *ret_name, om_str *ret_value)
{
    om_assert(i >= 0 && i < head->count);
    const struct om_field *field = &head->fields[i];
    om_str text = om_buf_str(&head->text);
    *ret_name = om_str_sub(text, field->name_at, field->name_at + field->name_n);
    *ret_value = om_str_trim(om_str_sub(text, field->value_at, field->value_at + field->value_n));
}

bool om_head_get(const struct om_head *head, const char *name, om_str *ret)
{
    om_str wanted = om_str_from(name), found, value;
    for (int i = 0; i < head->count; i++) {
        om_head_at(head, i, &found, &value);
        if (om_str_equal_nocase(found, wanted)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

int om_head_count(const struct om_head *head, const char *name)
{
    om_str wanted = om_str_from(name), found, value;
    int count = 0;
    for (int i = 0; i < head->count; i++) {
        om_head_at(head, i, &found, &value);
        count += om_str_equal_nocase(found, wanted);
    }
    return count;
}

bool om_head_list_has(om_str value, const char *token)
{
    om_str item, wanted = om_str_from(token);
    while (om_str_split(&value, ',', &item)) {
        ptrdiff_t semicolon = om_str_find_char(item, ';');
        if (semicolon >= 0)
            item.n = (size_t)semicolon;
        if (om_str_equal_nocase(om_str_trim(item), wanted))
            return true;
    }
    return false;
}
