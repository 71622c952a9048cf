/*
 * What the statements that give outbox rows to their caller have in common. For kinds of call only.
 */
#ifndef NOTIFY_STORE_OUTBOX_ROW_H
#define NOTIFY_STORE_OUTBOX_ROW_H

#include "notify/store/outbox.h"
#include "notify/store/row.h"

/* Copies a row without its headers: the first four columns, which are those of sql/take_outbox.sql.
 */
void store_outbox_copy(void *row, struct store_row r, struct store_block *block);

#endif
