/* Parsing requests, building answers, and the table of requests for Python. */
#include "http.h"
#include "questions.h"
#include "support.h"

#include <string.h>

/* ---- Buffers ---- */

static void assert_holds(const sp_buffer *buffer, const char *text) {
    assert_int_equal(buffer->length, strlen(text));
    assert_memory_equal(buffer->data, text, strlen(text));
}

TEST(test_a_buffer_grows_and_keeps_what_it_has) {
    sp_buffer buffer = {0};
    for (uint64_t i = 0; i < 100000; i++) sp_buffer_put_number(&buffer, i % 10);
    assert_int_equal(buffer.length, 100000);
    for (size_t i = 0; i < buffer.length; i++) assert_int_equal(buffer.data[i], '0' + (int)(i % 10));
    sp_buffer_free(&buffer);
    assert_null(buffer.data);
}

TEST(test_numbers_are_written_in_full) {
    sp_buffer buffer = {0};
    sp_buffer_put_number(&buffer, 0);
    sp_buffer_put_text(&buffer, " ");
    sp_buffer_put_number(&buffer, UINT64_MAX);
    sp_buffer_put_text(&buffer, " ");
    sp_buffer_put_address(&buffer, UINT64_C(0x7fffdeadbeef));
    assert_holds(&buffer, "0 18446744073709551615 0x7fffdeadbeef");
}

TEST(test_a_string_of_json_has_no_control_characters_and_no_bad_utf8) {
    static const char text[] = "a\"\\\n\x01\x7f\xc3\xa9\xed\xa0\x80\xf0\x9f\x8e\x89\xff";
    sp_buffer buffer = {0};
    sp_buffer_put_json(&buffer, text, sizeof text - 1);
    assert_holds(&buffer, "\"a\\\"\\\\\\u000a\\u0001\\u007f\xc3\xa9\\ufffd\\ufffd\\ufffd\xf0\x9f\x8e\x89\\ufffd\"");
}

TEST(test_what_a_terminal_shows_moves_no_cursor) {
    static const char text[] = "a\x1b[2J\t\xc2\x9b\xc3\xa9\xe2\x82";
    sp_buffer buffer = {0};
    sp_buffer_put_visible(&buffer, text, sizeof text - 1);
    assert_holds(&buffer, "a?[2J??\xc3\xa9??");
}

TEST(test_more_than_a_buffer_takes_is_left_out_and_told) {
    static char block[1 << 20];
    sp_buffer buffer = {0};
    for (int i = 0; i < 257; i++) sp_buffer_put(&buffer, block, sizeof block);
    assert_true(buffer.is_short);
    assert_int_equal(buffer.length, SP_BUFFER_MAX);
    sp_buffer_put(&buffer, "x", 1);
    assert_int_equal(buffer.length, SP_BUFFER_MAX);
}

/* ---- Requests ---- */

static char head[SP_HTTP_HEAD_MAX];
static sp_http_request request;

static int parse(const char *text) {
    assert_int_equal(sp_http_head_length(text, strlen(text)), strlen(text));
    memcpy(head, text, strlen(text));
    return sp_http_parse(head, strlen(text), &request);
}

#define assert_text(text, expected)                                                                                    \
    do {                                                                                                               \
        assert_int_equal((text).length, strlen(expected));                                                             \
        if ((text).length > 0) assert_memory_equal((text).at, expected, strlen(expected));                             \
    } while (0)

TEST(test_a_request_is_taken_apart) {
    assert_int_equal(parse("GET /debug/pprof/heap?seconds=5&debug=1 HTTP/1.1\r\nHost: [::1]:6060\r\nX: y\r\n\r\n"), 0);
    assert_text(request.method, "GET");
    assert_text(request.path, "/debug/pprof/heap");
    assert_text(request.query, "seconds=5&debug=1");
    assert_text(request.host, "[::1]");
    assert_int_equal(request.token_length, 0);
    assert_false(request.is_head);
}

TEST(test_head_is_get_without_a_body) {
    assert_int_equal(parse("HEAD / HTTP/1.0\n\n"), 0);
    assert_text(request.method, "GET");
    assert_true(request.is_head);
    assert_text(request.host, "");
}

TEST(test_the_token_is_taken_out_of_the_query) {
    assert_int_equal(parse("GET /a?token=secretsecret1234&b=1 HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    assert_text(request.query, "b=1");
    assert_true(sp_http_has_token(&request, "secretsecret1234"));
    assert_int_equal(parse("GET /a?b=1&&token=secretsecret1234&token=other HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    assert_text(request.query, "b=1");
    assert_true(sp_http_has_token(&request, "secretsecret1234"));
    assert_int_equal(parse("GET /a?tokens=1&b=token=2 HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    assert_text(request.query, "tokens=1&b=token=2");
    assert_int_equal(request.token_length, 0);
}

TEST(test_the_token_may_stand_in_the_header) {
    assert_int_equal(parse("GET /a HTTP/1.1\r\nHost: x\r\nauthorization:  bearer   abc \r\n\r\n"), 0);
    assert_true(sp_http_has_token(&request, "abc"));
    assert_false(sp_http_has_token(&request, "abd"));
    assert_false(sp_http_has_token(&request, "ab"));
    assert_false(sp_http_has_token(&request, ""));
    assert_int_equal(parse("GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic abc\r\n\r\n"), 0);
    assert_false(sp_http_has_token(&request, "abc"));
}

TEST(test_what_is_no_request_is_refused) {
    static const struct {
        const char *text;
        int status;
    } wrong[] = {
        {"\r\n\r\n", 400},
        {"GET\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"G3T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GETGETGETGETGETGE / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.1 x\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.\r\nHost: x\r\n\r\n", 400},
        {"GET / FTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n: no name\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 00000000000000000000000000001\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int status = parse(wrong[i].text);
        if (status != wrong[i].status) print_error("%zu: %s", i, wrong[i].text);
        assert_int_equal(status, wrong[i].status);
        assert_true(sp_http_sentence(status)[0] != '\0');
    }
    assert_int_equal(parse("POST /start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 0);
}

TEST(test_a_head_ends_with_an_empty_line) {
    assert_int_equal(sp_http_head_length("GET / HTTP/1.1\r\nHost: x\r\n", 25), 0);
    assert_int_equal(sp_http_head_length("a\r\n\r\nbody", 9), 5);
    assert_int_equal(sp_http_head_length("a\n\nbody", 7), 3);
    assert_int_equal(sp_http_head_length("a\r\r\n", 4), 0);
    assert_int_equal(sp_http_head_length("", 0), 0);
}

TEST(test_only_hosts_that_no_name_server_answers_for_are_own) {
    static const char *const own[] = {"127.0.0.1", "10.1.2.3",    "[::1]", "localhost",
                                      "LocalHost", "a.localhost", "box",   ""};
    static const char *const others[] = {"evil.example", "localhost.evil", "xlocalhost", "127.0.0.1.evil", "[", "]",
                                         ".localhost",   "boxx",           "bo"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_true(sp_http_is_own_host((sp_http_text){own[i], strlen(own[i])}, "Box"));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(sp_http_is_own_host((sp_http_text){others[i], strlen(others[i])}, "box"));
    assert_false(sp_http_is_own_host((sp_http_text){"box", 3}, ""));
}

/* The input is mutations of a request. A sanitizer build poisons the memory after it: nothing is read beyond its
 * end. */
TEST(test_any_bytes_are_a_request_or_none) {
    static const char seed[] = "GET /a?token=b&c=d HTTP/1.1\r\nHost: [::1]:1\r\nAuthorization: Bearer x\r\n\r\n";
    static const char pieces[] = "\r\n :?&=[]/GET1.0\x00\xff";
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        size_t length = 1 + random_below(&random, sizeof seed - 1);
        char *exact = test_malloc(length);
        memcpy(exact, seed, length);
        for (uint64_t n = random_below(&random, 6); n > 0; n--)
            exact[random_below(&random, length)] = pieces[random_below(&random, sizeof pieces)];
        size_t ends = sp_http_head_length(exact, length);
        if (ends > 0) sp_http_parse(exact, ends, &request);
        test_free(exact);
    }
}

/* ---- Answers ---- */

TEST(test_an_answers_head_cannot_be_ended_by_its_values) {
    sp_buffer buffer = {0};
    sp_http_put_head(&buffer, &(sp_http_answer){.status = 200,
                                                .type = "text/plain\r\nX: y",
                                                .file_name = "a\"b\r\n.gz",
                                                .fields = "Allow: GET\r\n",
                                                .length = 12});
    assert_holds(&buffer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain??X: y\r\nContent-Length: 12\r\n"
                          "Content-Disposition: attachment; filename=\"a?b??.gz\"\r\nAllow: GET\r\n"
                          "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
}

/* ---- Questions ---- */

static sp_http_request asked(const char *path) {
    return (sp_http_request){.method = {"GET", 3}, .path = {path, strlen(path)}, .query = {"q", 1}};
}

static const sp_http_answer plain = {.status = 200, .type = "t", .file_name = "", .fields = "", .length = 4};

TEST(test_a_question_is_taken_and_answered) {
    sp_http_request one = asked("/one"), two = asked("/two");
    sp_question taken;
    sp_buffer answer = {0};
    assert_false(sp_questions_take(&taken));
    uint64_t first = sp_questions_ask(&one), second = sp_questions_ask(&two);
    assert_true(sp_questions_any());
    assert_true(sp_questions_take(&taken));
    assert_int_equal(taken.id, first);
    assert_text(taken.path, "/one");
    assert_text(taken.query, "q");
    assert_int_equal(sp_questions_state(first), SP_QUESTION_TAKEN);
    assert_int_equal(sp_questions_state(second), SP_QUESTION_ASKED);
    assert_true(sp_questions_answer(first, &plain, "body"));
    assert_false(sp_questions_answer(first, &plain, "body"));
    assert_int_equal(sp_questions_state(first), SP_QUESTION_ANSWERED);
    sp_questions_fetch(first, &answer);
    assert_memory_equal(answer.data + answer.length - 8, "\r\n\r\nbody", 8);
    assert_int_equal(sp_questions_state(first), SP_QUESTION_GONE);
}

TEST(test_an_abandoned_question_is_not_wanted_and_makes_room_when_it_is_answered) {
    sp_http_request one = asked("/one");
    uint64_t ids[SP_QUESTIONS];
    sp_question taken;
    for (int i = 0; i < SP_QUESTIONS; i++) ids[i] = sp_questions_ask(&one);
    assert_int_equal(sp_questions_ask(&one), 0);
    assert_true(sp_questions_take(&taken));
    assert_int_equal(taken.id, ids[0]);
    assert_true(sp_questions_is_wanted(ids[0]));
    sp_questions_abandon(ids[0]);
    assert_false(sp_questions_is_wanted(ids[0]));
    assert_int_equal(sp_questions_ask(&one), 0); /* the answering thread still has it */
    assert_true(sp_questions_answer(ids[0], &plain, "body"));
    assert_true(sp_questions_ask(&one) > ids[SP_QUESTIONS - 1]);
    sp_questions_abandon(ids[1]);
    assert_true(sp_questions_ask(&one) != 0);
    assert_true(sp_questions_take(&taken));
    assert_int_equal(taken.id, ids[2]);
}

static void expect_no_questions(void *unused) {
    (void)unused;
    sp_questions_reset();
    CHECK(!sp_questions_any());
}

TEST(test_a_child_has_no_questions) {
    sp_http_request one = asked("/one");
    assert_true(sp_questions_ask(&one) != 0);
    run_in_child(expect_no_questions, NULL);
    assert_true(sp_questions_any());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_buffer_grows_and_keeps_what_it_has),
        cmocka_unit_test(test_numbers_are_written_in_full),
        cmocka_unit_test(test_a_string_of_json_has_no_control_characters_and_no_bad_utf8),
        cmocka_unit_test(test_what_a_terminal_shows_moves_no_cursor),
        cmocka_unit_test(test_more_than_a_buffer_takes_is_left_out_and_told),
        cmocka_unit_test(test_a_request_is_taken_apart),
        cmocka_unit_test(test_head_is_get_without_a_body),
        cmocka_unit_test(test_the_token_is_taken_out_of_the_query),
        cmocka_unit_test(test_the_token_may_stand_in_the_header),
        cmocka_unit_test(test_what_is_no_request_is_refused),
        cmocka_unit_test(test_a_head_ends_with_an_empty_line),
        cmocka_unit_test(test_only_hosts_that_no_name_server_answers_for_are_own),
        cmocka_unit_test(test_any_bytes_are_a_request_or_none),
        cmocka_unit_test(test_an_answers_head_cannot_be_ended_by_its_values),
        cmocka_unit_test(test_a_question_is_taken_and_answered),
        cmocka_unit_test(test_an_abandoned_question_is_not_wanted_and_makes_room_when_it_is_answered),
        cmocka_unit_test(test_a_child_has_no_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
