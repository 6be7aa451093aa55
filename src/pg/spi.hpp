// SQL from the session worker: a transaction around a function, and queries whose parameters and
// results are text. Everything inside may raise errors; RunInTransaction turns them into a Failure.
#pragma once

#include <initializer_list>

#include "pg/job.hpp"

namespace agri::pg {

class Channel;

// False for a worker without a database.
bool IsTransactionalProcess();

// Runs `work` in a transaction of its own with SPI open. False, and rolled back, when it raised an
// error.
bool RunInTransaction(void (*work)(Channel*), Channel* channel, Failure* failure);

// For the work inside. Parameters are text, "$1" and so on.
int QueryRows(const char* sql, std::initializer_list<const char*> parameters);
// A value of the last QueryRows(); "" for null. Columns count from 1. palloc'd.
char* RowValue(int row, int column);
// The first column of the first row; "" when there is none.
char* QueryValue(const char* sql, std::initializer_list<const char*> parameters);

}  // namespace agri::pg
