#include <QAbstractItemView>
#include <QAction>
#include <QLineEdit>

#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;

TEST_CASE("ATeacherIsChosenByNameAndTakenBackByClearingIt") {
    Window window;
    auto& session = window.main.session();
    session.document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    REQUIRE(session.planner.current());
    const auto alone = session.planner.current()->predicted.cost.step;
    window.type("teacher", "llama-3.1 70b");
    CHECK(session.document.request().distill.teacher_name == "meta-llama/Llama-3.1-70B");
    REQUIRE(session.planner.current());
    CHECK(session.planner.current()->predicted.cost.step > 2.0 * alone);
    bool told = false;
    for (const auto* table : window.main.findChildren<QAbstractItemView*>()) {
        const auto* model = table->model();
        for (int row = 0; model != nullptr && row < model->rowCount(); ++row) {
            const auto words = model->index(row, model->columnCount() - 1).data().toString();
            told |= words.contains(QLatin1String("131.42 the teacher's"));
        }
    }
    CHECK(told);
    // Of another vocabulary, it has no plan and one reason.
    window.type("teacher", "gpt2-xl");
    CHECK(window.find<QLabel>("refusal").text().contains(QLatin1String("vocabulary of 50257")));
    auto& box = window.find<QLineEdit>("teacher");
    box.clear();
    QTest::keyClick(&box, Qt::Key_Return);
    window.idle();
    CHECK_FALSE(session.document.request().distill.is_on());
    REQUIRE(session.planner.current());
    CHECK(session.planner.current()->predicted.cost.step.count() == alone.count());
    window.find<QAction>("undo").trigger();
    window.idle();
    CHECK(session.document.request().distill.teacher_name == "openai-community/gpt2-xl");
    CHECK(box.text() == QLatin1String("openai-community/gpt2-xl"));
}
