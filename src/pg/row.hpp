// A row under construction for a function that returns records. Plain data, so that errors may jump
// over it.
#pragma once

#include "pg/errors.hpp"
#include "pg/server.hpp"

namespace agri::pg {

struct Row {
    static constexpr int kMaxColumns = 24;
    Datum values[kMaxColumns] = {};
    bool nulls[kMaxColumns] = {};
    int count = 0;

    void Add(Datum value) { values[count++] = value; }
    void AddNull() { nulls[count++] = true; }
    // 0 stands for "none".
    void AddPid(pid_t pid) { pid != 0 ? Add(Int32GetDatum(pid)) : AddNull(); }
    void AddTime(TimestampTz time) { time != 0 ? Add(TimestampTzGetDatum(time)) : AddNull(); }
    // UTF-8; "" stands for "none".
    void AddText(const char* text) {
        text[0] != '\0' ? Add(CStringGetTextDatum(FromUtf8(text))) : AddNull();
    }
    void AddBigint(int64 value) { Add(Int64GetDatum(value)); }
    void AddBool(bool value) { Add(BoolGetDatum(value)); }
};

}  // namespace agri::pg
