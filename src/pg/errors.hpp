// Failures become errors of the server here and nowhere else: one table maps the words of the wire
// to SQLSTATEs.
#pragma once

#include "pg/job.hpp"

namespace agri::pg {

// Fills every field; longer texts are cut at a character's end, nullptr means empty.
void SetFailure(Failure* failure, const char* code, const char* message,
                const char* detail = nullptr, const char* hint = nullptr);
// From the error that was just caught; leaves the error state clean. For PG_CATCH blocks.
void TakeCaughtError(Failure* failure, MemoryContext context);

// UTF-8 text of a process in the database's encoding. Where that is neither UTF-8 nor SQL_ASCII,
// what is not ASCII becomes "?": showing an error must not fail with another one. palloc'd.
char* FromUtf8(const char* text);
// Text of the database in UTF-8, as processes want it. palloc'd.
char* ToUtf8(const char* text);

int SqlStateOf(const char* code);
[[noreturn]] void RaiseFailure(const Failure& failure);
[[noreturn]] void RaiseBackupRunning(const Job& running);
[[noreturn]] void RaiseNotPreloaded();
[[noreturn]] void RaiseWrongDatabase(const char* current);

}  // namespace agri::pg
