#include <cstring>

#include "pg/bridge/messages.hpp"

namespace ppm {

namespace {

bool is_ascii(const char* text) {
    return std::ranges::none_of(std::string_view{text},
                                [](char each) { return IS_HIGHBIT_SET(each); });
}

// Converts from the server's encoding to the client's, like pg_server_to_any() in mbutils.c but
// without an error.
class Conversion {
  public:
    Conversion()
        : server_{GetDatabaseEncoding()},
          client_{pg_get_client_encoding()},
          // SQL_ASCII is not converted, but what is sent must be valid.
          function_{server_ == PG_SQL_ASCII ? InvalidOid
                                            : FindDefaultConversionProc(server_, client_)} {}

    // How many leading bytes can be converted for the client.
    int reaching(const char* text, int length, unsigned char* buffer, int size) const {
        if (server_ == PG_SQL_ASCII)
            return pg_encoding_verifymbstr(client_, text, length);
        if (!OidIsValid(function_))
            return static_cast<int>(
                std::find_if(text, text + length, [](char each) { return IS_HIGHBIT_SET(each); }) -
                text);
        auto* const source = reinterpret_cast<unsigned char*>(const_cast<char*>(text));
        return pg_do_encoding_conversion_buf(function_, server_, client_, source, length, buffer,
                                             size, true);
    }

    // Writes an escape for the text's first character; returns the length of the character.
    int append_escape(StringInfo escaped, const char* text, int length) const {
        if (server_ != PG_UTF8) {
            appendStringInfoChar(escaped, '?');
            return std::min(length, pg_encoding_mblen(server_, text));
        }
        const auto code =
            static_cast<unsigned>(utf8_to_unicode(reinterpret_cast<const unsigned char*>(text)));
        appendStringInfo(escaped, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
        return std::min(length, pg_encoding_mblen(server_, text));
    }

  private:
    int server_;
    int client_;
    Oid function_;
};

}  // namespace

bool is_converted_for_client() {
    const int client = pg_get_client_encoding();
    return client != GetDatabaseEncoding() && client != PG_SQL_ASCII;
}

const char* for_client(const char* text) {
    // Outside a transaction no conversion can be looked up.
    if (!is_converted_for_client() || is_ascii(text) || !IsTransactionState())
        return text;
    const Conversion conversion;
    int left = static_cast<int>(strlen(text));
    const int size = left * MAX_CONVERSION_GROWTH + 1;
    auto* const buffer = static_cast<unsigned char*>(palloc(size));
    StringInfoData shown;
    initStringInfo(&shown);
    while (left > 0) {
        int length = conversion.reaching(text, left, buffer, size);
        appendBinaryStringInfo(&shown, text, length);
        if (length < left)
            length += conversion.append_escape(&shown, text + length, left - length);
        text += length;
        left -= length;
    }
    pfree(buffer);
    return shown.data;
}

bool reaches_client(const char* text) {
    return strcmp(text, for_client(text)) == 0;
}

void tell(int level, int sqlstate, const char* message, const char* detail, const char* hint) {
    message = for_client(message);
    detail = for_client(detail);
    hint = for_client(hint);
    report_without_callers_context([=] {
        ereport(level, (errcode(sqlstate), errmsg_internal("%s", message),
                        *detail == '\0' ? 0 : errdetail_internal("%s", detail),
                        *hint == '\0' ? 0 : errhint("%s", hint)));
    });
}

}  // namespace ppm
