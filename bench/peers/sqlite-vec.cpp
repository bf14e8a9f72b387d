// SPDX-License-Identifier: GPL-2.0
/* sqlite-vec (npm, the extension vec0.so in Debian's SQLite) as a contender, see ../contender.h: exact, on disk. */
#include "../contender.h"
#include <sqlite3.h>
#include <string>

#define CHUNK	1000			/* rows of a transaction */

struct ask {
	const race *r;
	sqlite3_stmt *select;
};

static void check(sqlite3 *db, bool good)
{
	if (!good)
		race_die(sqlite3_errmsg(db), "sqlite");
}

static void answer(void *arg, const float *query, int32_t *ids)
{
	ask *a = static_cast<ask *>(arg);
	uint32_t i = 0;
	int rc;

	sqlite3_bind_blob(a->select, 1, query, static_cast<int>(a->r->dims * 4), SQLITE_STATIC);
	while ((rc = sqlite3_step(a->select)) == SQLITE_ROW && i < a->r->k)
		ids[i++] = sqlite3_column_int(a->select, 0);
	check(sqlite3_db_handle(a->select), rc == SQLITE_DONE || rc == SQLITE_ROW);
	sqlite3_reset(a->select);
}

int main(int argc, char **argv)
{
	race r = race_open(argc, argv);
	std::string file = std::string(r.path) + ".db", sql;
	uint64_t before = race_memory();
	sqlite3_stmt *insert;
	char *why = nullptr;
	sqlite3 *db;
	double t;

	race_begin(&r, "sqlite-vec", VERSION, "on disk, not synced");
	unlink(file.c_str());
	if (sqlite3_open(file.c_str(), &db))
		race_die("cannot be made", file.c_str());
	sqlite3_enable_load_extension(db, 1);
	if (sqlite3_load_extension(db, VEC0, nullptr, &why))
		race_die(why, VEC0);
	sql = "pragma synchronous = off; create virtual table t using vec0(id integer primary key, v float[" +
	      std::to_string(r.dims) + "] distance_metric=" + (r.cosine ? "cosine" : "l2") + ", attr integer)";
	check(db, !sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr));
	check(db, !sqlite3_prepare_v2(db, "insert into t(id, v, attr) values (?, ?, ?)", -1, &insert, nullptr));
	race_progress(&r, 0);
	t = race_now();
	for (uint32_t i = 0; i < r.n; i++) {
		if (i % CHUNK == 0) {
			race_progress(&r, i);
			check(db, !sqlite3_exec(db, i ? "commit; begin" : "begin", nullptr, nullptr, nullptr));
		}
		sqlite3_bind_int64(insert, 1, i);
		sqlite3_bind_blob(insert, 2, r.base + static_cast<size_t>(i) * r.dims, static_cast<int>(r.dims * 4),
				  SQLITE_STATIC);
		sqlite3_bind_int64(insert, 3, r.attr[i]);
		check(db, sqlite3_step(insert) == SQLITE_DONE);
		sqlite3_reset(insert);
	}
	check(db, !sqlite3_exec(db, "commit", nullptr, nullptr, nullptr));
	t = race_now() - t;
	race_build(&r, "", r.n / t, r.n, t, 1, race_memory() - before, false);
	for (uint32_t f = 0; f <= r.filters; f++) {
		int32_t filter = f ? r.filter[f - 1] : 0;
		ask a = { &r, nullptr };

		sql = "select id from t where v match ? and k = " + std::to_string(r.k);
		if (filter)
			sql += " and attr < " + std::to_string(filter);
		check(db, !sqlite3_prepare_v2(db, sql.c_str(), -1, &a.select, nullptr));
		race_measure(&r, "", "", filter, answer, &a);
		sqlite3_finalize(a.select);
	}
	race_end(&r);
	sqlite3_finalize(insert);
	sqlite3_close(db);
	unlink(file.c_str());
	return 0;
}
