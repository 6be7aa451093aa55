// The questions of a job process that need SQL: facts about the server, pg_backup_start and
// pg_backup_stop, names of relations. Each runs in a transaction of its own, and none is open
// between them, so that a backup holds back no xmin however long it takes.
#pragma once

namespace agri::pg {

class Channel;

// Connects a worker to agri_backup.database, as the bootstrap superuser, with the settings that
// could be in the way put right. `activity` is what pg_stat_activity shows.
void ConnectForQueries(const char* activity);

// Answers the message that the channel received last; what fails is answered by FAILED.
void AnswerQuery(Channel* channel);

}  // namespace agri::pg
