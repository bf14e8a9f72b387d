// SPDX-License-Identifier: GPL-2.0
/*
 * SQLite as a store of `make bench-disk`, see store.h, with a write-ahead log that is synced at each commit: rows in an
 * ordinary table, which is the limit of what durable commits can be; or, when it is called sqlite-vec-store, in that
 * extension's (npm), which searches.
 */
#include "store.h"
#include <sqlite3.h>
#include <string>

static sqlite3 *db;
static sqlite3_stmt *insert, *remove_row, *select_row, *search;
static bool vec;
static int row_bytes;

static void check(bool good)
{
	if (!good)
		race_die(sqlite3_errmsg(db), "sqlite");
}

static void run(const std::string &sql)
{
	check(!sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr));
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *s = nullptr;

	check(!sqlite3_prepare_v2(db, sql, -1, &s, nullptr));
	return s;
}

static void open_file(const char *dir)
{
	char *why = nullptr;

	if (sqlite3_open((std::string(dir) + "/db").c_str(), &db))
		race_die("cannot be made", dir);
	if (vec) {
		sqlite3_enable_load_extension(db, 1);
		if (sqlite3_load_extension(db, VEC0, nullptr, &why))
			race_die(why, VEC0);
	}
	run("pragma journal_mode = wal; pragma synchronous = full");
}

static void close_it()
{
	for (sqlite3_stmt *s : { insert, remove_row, select_row, search })
		sqlite3_finalize(s);
	sqlite3_close(db);
}

static void create(const race *r, const char *dir)
{
	open_file(dir);
	if (vec)
		run("create virtual table t using vec0(id integer primary key, v float[" + std::to_string(r->dims) +
		    "] distance_metric=" + (r->cosine ? "cosine" : "l2") + ", attr integer)");
	else
		run("create table t(id integer primary key, v blob, attr integer)");
	close_it();
}

static void open_it(const race *r, const char *dir)
{
	open_file(dir);
	row_bytes = static_cast<int>(r->dims * 4);
	insert = prepare("insert into t(id, v, attr) values (?, ?, ?)");
	remove_row = prepare("delete from t where id = ?");
	select_row = prepare("select v from t where id = ?");
	if (vec)
		search = prepare(("select id from t where v match ? and k = " + std::to_string(r->k)).c_str());
}

static void put(const race *r, uint32_t from, uint32_t n, bool replace)
{
	run("begin");
	for (uint32_t i = from; i < from + n; i++) {
		if (replace) {
			sqlite3_bind_int64(remove_row, 1, i);
			check(sqlite3_step(remove_row) == SQLITE_DONE);
			sqlite3_reset(remove_row);
		}
		sqlite3_bind_int64(insert, 1, i);
		sqlite3_bind_blob(insert, 2, r->base + static_cast<size_t>(i) * r->dims, static_cast<int>(r->dims * 4),
				  SQLITE_STATIC);
		sqlite3_bind_int64(insert, 3, r->attr[i]);
		check(sqlite3_step(insert) == SQLITE_DONE);
		sqlite3_reset(insert);
	}
	run("commit");
}

static void answer(void *, const float *query, int32_t *ids)
{
	int rc;

	sqlite3_bind_blob(search, 1, query, row_bytes, SQLITE_STATIC);
	while ((rc = sqlite3_step(search)) == SQLITE_ROW)
		*ids++ = sqlite3_column_int(search, 0);
	check(rc == SQLITE_DONE);
	sqlite3_reset(search);
}

static bool found(const race *r, uint32_t row)
{
	bool there;

	sqlite3_bind_int64(select_row, 1, row);
	there = sqlite3_step(select_row) == SQLITE_ROW && sqlite3_column_bytes(select_row, 0) == row_bytes &&
		!memcmp(sqlite3_column_blob(select_row, 0), r->base + static_cast<size_t>(row) * r->dims,
			static_cast<size_t>(row_bytes));
	sqlite3_reset(select_row);
	return there;
}

int main(int argc, char **argv)
{
	store s = {};
	const char *name = strrchr(argv[0], '/');

	vec = !strcmp(name ? name + 1 : argv[0], "sqlite-vec-store");
	s.name = vec ? "sqlite-vec" : "sqlite";
	s.version = vec ? VERSION : sqlite3_libversion();
	s.note = vec ? "exact" : "rows in a table, no search: the limit of durable commits";
	s.create = create;
	s.open = open_it;
	s.put = put;
	s.ask = vec ? answer : nullptr;
	s.found = found;
	s.close = close_it;
	return store_main(&s, argc, argv);
}
